// A key that is revoked as compromised goes with all of the tenant's certificates that carry it, in a few statements however many they are.
import type { Transaction } from "./change-log.ts";

export interface CompromisedKey {
  readonly tenantId: string;
  readonly keyDigest: string;
  readonly at: Date;
}

/** Answers the products whose devices had such certificates that were not revoked yet. */
export async function revokeKey(tx: Transaction, { tenantId, keyDigest, at }: CompromisedKey): Promise<readonly string[]> {
  await tx.$executeRaw`INSERT INTO compromised_keys (tenant_id, key_digest, revoked_at) VALUES (${tenantId}::uuid, ${keyDigest}, ${at})
    ON CONFLICT (tenant_id, key_digest) DO NOTHING`;
  const rows = await tx.$queryRaw<{ readonly product_key: string }[]>`WITH gone AS (
      UPDATE certificates AS c SET status = 'revoked', revoked_at = ${at}, revocation_reason = 'keyCompromise'
      FROM devices AS d WHERE d.id = c.device_id AND d.tenant_id = ${tenantId}::uuid AND c.key_digest = ${keyDigest} AND c.revoked_at IS NULL
      RETURNING c.authority_id, c.serial, c.not_after, d.product_key
    ), listed AS (
      INSERT INTO revocations (authority_id, serial, revoked_at, reason, not_after)
      SELECT DISTINCT ON (authority_id, serial) authority_id, serial, ${at}, 'keyCompromise', not_after FROM gone
      ON CONFLICT (authority_id, serial) DO UPDATE SET reason = EXCLUDED.reason, listed = false,
        revoked_at = CASE WHEN revocations.reason = 'certificateHold' OR revocations.listed THEN EXCLUDED.revoked_at ELSE revocations.revoked_at END
    ) SELECT DISTINCT product_key FROM gone`;
  return rows.map((row) => row.product_key);
}
