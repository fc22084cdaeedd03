import type { Transaction } from "./change-log.ts";

// What is revoked here stays revoked when the authority's own list says nothing of it any more; a hold gives way to what that list says.

/** A deleted device's certificates stay on their authorities' lists: neither it nor a device made anew under its name comes back with them. */
export async function revokeAllOf(tx: Transaction, deviceId: string, atMs: number): Promise<void> {
  await tx.$executeRaw`INSERT INTO revocations (authority_id, serial, revoked_at, reason, not_after)
    SELECT authority_id, serial, ${new Date(atMs)}, 'cessationOfOperation', not_after FROM certificates
    WHERE device_id = ${deviceId}::uuid AND not_after > ${new Date(atMs)}
    ON CONFLICT (authority_id, serial) DO UPDATE SET reason = EXCLUDED.reason, listed = false
    WHERE revocations.reason = 'certificateHold' OR revocations.listed`;
}

/** Puts a certificate on its authority's list. What is on it for good stays as it is; a hold gives way, and any other reason does to a key that others have. */
export async function putRevocation(
  tx: Transaction,
  certificate: { readonly authorityId: string; readonly serial: string; readonly notAfter: Date },
  revocation: { readonly at: Date; readonly reason: string },
): Promise<void> {
  const { authorityId, serial, notAfter } = certificate;
  await tx.$executeRaw`INSERT INTO revocations (authority_id, serial, revoked_at, reason, not_after)
    VALUES (${authorityId}::uuid, ${serial}, ${revocation.at}, ${revocation.reason}, ${notAfter})
    ON CONFLICT (authority_id, serial) DO UPDATE SET reason = EXCLUDED.reason, listed = false,
      revoked_at = CASE WHEN revocations.reason = 'certificateHold' OR revocations.listed THEN EXCLUDED.revoked_at ELSE revocations.revoked_at END
    WHERE EXCLUDED.reason <> 'certificateHold'
      AND (revocations.reason = 'certificateHold' OR revocations.listed OR EXCLUDED.reason = 'keyCompromise')`;
}

/** Takes a hold back. */
export async function removeHold(tx: Transaction, authorityId: string, serial: string): Promise<void> {
  await tx.$executeRaw`DELETE FROM revocations
    WHERE authority_id = ${authorityId}::uuid AND serial = ${serial} AND reason = 'certificateHold' AND NOT listed`;
}
