// Certificates as they are shown: with what their authority's list and its own fate make of them, as credential-store.ts reads it for sign-ons.
import type { Certificate } from "@mooring/contracts";
import type { Database } from "@mooring/db";

export interface CertificateRow {
  readonly fingerprint: string;
  readonly serial: string;
  readonly subject: string;
  readonly status: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly supersedeAt: Date | null;
  readonly revokedAt: Date | null;
  readonly revocationReason: string | null;
}

interface ViewRow extends CertificateRow {
  readonly entryAt: Date | null;
  readonly entryReason: string | null;
  readonly entryListed: boolean;
  readonly authorityRevokedAt: Date | null;
}

/** Newest first; of one fingerprint, or all of the device's. What is on a list that is not obeyed (`off`) is not on it. */
export async function readCertificates(
  prisma: Database["prisma"],
  { deviceId, fingerprint = null, limit }: { readonly deviceId: string; readonly fingerprint?: string | null; readonly limit: number },
): Promise<Certificate[]> {
  const rows = await prisma.$queryRaw<ViewRow[]>`SELECT c.fingerprint, c.serial, c.subject, c.status, c.not_before AS "notBefore",
      c.not_after AS "notAfter", c.supersede_at AS "supersedeAt", c.revoked_at AS "revokedAt", c.revocation_reason AS "revocationReason",
      r.revoked_at AS "entryAt", r.reason AS "entryReason", coalesce(r.listed, false) AS "entryListed", a.revoked_at AS "authorityRevokedAt"
    FROM certificates c JOIN authorities a ON a.id = c.authority_id
      LEFT JOIN revocations r ON r.authority_id = c.authority_id AND r.serial = c.serial AND NOT (r.listed AND a.crl_mode = 'off')
    WHERE c.device_id = ${deviceId}::uuid AND (${fingerprint}::text IS NULL OR c.fingerprint = ${fingerprint})
    ORDER BY c.not_before DESC, c.fingerprint LIMIT ${limit}`;
  return rows.map(toView);
}

/** A sign-on looks at the certificate's own status first, then at the lists, then at its authority. */
function toView(row: ViewRow): Certificate {
  const { status, entryAt, entryReason, entryListed, authorityRevokedAt } = row;
  const certificate = toCertificate(row);
  if (!["pending", "active", "inactive"].includes(status)) return certificate;
  const revoked = { ...certificate, status: "revoked" };
  // A hold that was put on it here is what `inactive` says already.
  if (entryAt !== null && entryReason !== null && (entryListed || status !== "inactive"))
    return { ...revoked, revokedAtMs: entryAt.getTime(), revocationReason: entryReason, revokedBy: entryListed ? "list" : "platform" };
  if (authorityRevokedAt === null) return certificate;
  return { ...revoked, revokedAtMs: authorityRevokedAt.getTime(), revocationReason: "cACompromise", revokedBy: "authority" };
}

/** As the row has it: whether it has ended meanwhile is the clock's to say. */
export function toCertificate(row: CertificateRow): Certificate {
  const revocation = row.revokedAt !== null && { revokedAtMs: row.revokedAt.getTime(), revokedBy: "platform" };
  return {
    fingerprint: row.fingerprint,
    serial: row.serial,
    subject: row.subject,
    status: row.status,
    notBeforeMs: row.notBefore.getTime(),
    notAfterMs: row.notAfter.getTime(),
    ...(row.supersedeAt === null ? {} : { supersedeAtMs: row.supersedeAt.getTime() }),
    ...revocation,
    ...(row.revocationReason === null ? {} : { revocationReason: row.revocationReason }),
  };
}
