// A certificate of a device, in four trips to the database: BEGIN, the device's lock, the row with its record in the feed, COMMIT.

import type { CertificateStore, InsertLimits, NewCertificate } from "../certificate-ports.ts";
import { keyDigestOf } from "../compromised-keys.ts";
import { type ChangeLog, recordFrom, type SqlTransaction } from "./change-log.ts";
import { isTaken } from "./prisma-errors.ts";

type Refusal = Exclude<Awaited<ReturnType<CertificateStore["insert"]>>, "inserted">;

const lockSql = "SELECT product_key FROM devices WHERE id = $1 FOR UPDATE";

const supersedeSql = "UPDATE certificates SET supersede_at = $3 WHERE fingerprint = $2 AND device_id = $1 AND status = 'active'";

/** Those that count are the usable ones of certificate-store.ts; one that is superseded by this one counts still. */
const insertSql = `WITH made AS (
    INSERT INTO certificates (fingerprint, route, device_id, authority_id, serial, subject, pem, not_before, not_after, status, key_digest, claim_id)
    SELECT $3, $4, $2::uuid, $5::uuid, $6, $7, $8, $9, $10, $11, $16,
      (SELECT claim_id FROM certificates WHERE fingerprint = $12 AND device_id = $2::uuid LIMIT 1)
    WHERE $15 > (SELECT count(*) FROM certificates c JOIN authorities a ON a.id = c.authority_id
      WHERE c.device_id = $2::uuid AND c.status IN ('pending', 'active', 'inactive') AND c.not_after > $14 AND a.status <> 'revoked'
        AND (c.supersede_at IS NULL OR c.fingerprint = $13))
    RETURNING device_id
  ), activated AS (
    UPDATE devices SET activated_at = $14 WHERE id = (SELECT device_id FROM made) AND activated_at IS NULL
  ), ${recordFrom("$1", "$2::uuid")}`;

/** Ends the transaction with nothing done. */
class Refused extends Error {
  readonly outcome: Refusal;

  constructor(outcome: Refusal) {
    super(outcome);
    this.outcome = outcome;
  }
}

export async function insertCertificate(log: ChangeLog, certificate: NewCertificate, limits: InsertLimits): Promise<"inserted" | Refusal> {
  try {
    await log.commitSql((client) => insert(client, certificate, limits));
    return "inserted";
  } catch (error) {
    if (error instanceof Refused) return error.outcome;
    if (isTaken(error)) return "taken";
    throw error;
  }
}

async function insert(client: SqlTransaction, certificate: NewCertificate, limits: InsertLimits): Promise<void> {
  const { deviceId, fingerprint, route = "", authorityId, serial, subject, pem, notBeforeMs, notAfterMs, status } = certificate;
  const { supersede, renewed = null, activeMax, nowMs } = limits;
  const locked = await client.query<{ readonly product_key: string }>({ name: "device-lock", text: lockSql, values: [deviceId] });
  const [device] = locked.rows;
  if (device === undefined) throw new Refused("gone");
  if (supersede !== undefined) {
    // A second renewal of one certificate does not prolong its overlap.
    const { rowCount } = await client.query(supersedeSql, [deviceId, supersede.fingerprint, new Date(supersede.atMs)]);
    if (rowCount === 0) throw new Refused("stale");
  }
  const row = [fingerprint, route, authorityId, serial, subject, pem, new Date(notBeforeMs), new Date(notAfterMs), status];
  const counted = [renewed, supersede?.fingerprint ?? null, new Date(nowMs), activeMax, keyDigestOf(pem)];
  const values = [device.product_key, deviceId, ...row, ...counted];
  const { rowCount } = await client.query({ name: "certificate-insert", text: insertSql, values });
  if (rowCount === 0) throw new Refused("limit");
}
