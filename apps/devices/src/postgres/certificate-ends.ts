import type { CertificateStore } from "../certificate-ports.ts";
import type { ChangeLog, Transaction } from "./change-log.ts";
import { insertDeviceEvent } from "./device-event-store.ts";
import { putRevocation } from "./revocations.ts";

const dayMs = 86_400_000;
/** How long before its end each notice is given; the last is the end itself. The place in this list is what `noticed` counts. */
const noticeDays = [30, 7, 1, 0] as const;

interface DueRow {
  readonly fingerprint: string;
  readonly route: string;
  readonly authority_id: string;
  readonly serial: string;
  readonly not_after: Date;
  readonly device_id: string;
  readonly tenant_id: string;
  readonly product_key: string;
  readonly device_name: string;
}

/** What time alone does to certificates. Any number of processes may do it: rows another one has in hand are left to it. */
export function createCertificateEnds(log: ChangeLog): Pick<CertificateStore, "supersedeDue" | "noticeEnds"> {
  return {
    supersedeDue: (nowMs, limit) =>
      log.commit(async (tx, record) => {
        const now = new Date(nowMs);
        const due = await tx.$queryRaw<DueRow[]>`SELECT c.fingerprint, c.route, c.authority_id, c.serial, c.not_after, c.device_id,
            d.tenant_id, d.product_key, d.device_name
          FROM certificates c JOIN devices d ON d.id = c.device_id
          WHERE c.supersede_at <= ${now} AND c.status = 'active' ORDER BY c.supersede_at LIMIT ${limit} FOR UPDATE OF c SKIP LOCKED`;
        for (const row of due) {
          await tx.certificate.update({ where: keyOf(row), data: { status: "superseded" } });
          const certificate = { authorityId: row.authority_id, serial: row.serial, notAfter: row.not_after };
          await putRevocation(tx, certificate, { at: now, reason: "superseded" });
        }
        for (const row of due) await record({ productKey: row.product_key, deviceId: row.device_id });
        return due.length;
      }),

    noticeEnds: (nowMs, limit) =>
      log.commit(async (tx, record) => {
        const due = await findEnding(tx, nowMs, limit);
        for (const row of due) await notice(tx, row, nowMs);
        // Connections made with one that has ended end, too.
        for (const row of due) if (row.not_after.getTime() <= nowMs) await record({ productKey: row.product_key, deviceId: row.device_id });
        return due.length;
      }),
  };
}

const keyOf = ({ fingerprint, route }: DueRow) => ({ fingerprint_route: { fingerprint, route } });

/** With their devices, which are locked before certificates everywhere else: none that is held is waited for. */
function findEnding(tx: Transaction, nowMs: number, limit: number): Promise<DueRow[]> {
  const [first, second, third, end] = noticeDays.map((days) => new Date(nowMs + days * dayMs));
  return tx.$queryRaw<
    DueRow[]
  >`SELECT c.fingerprint, c.route, c.authority_id, c.serial, c.not_after, c.device_id, d.tenant_id, d.product_key, d.device_name
    FROM certificates c JOIN devices d ON d.id = c.device_id
    WHERE c.not_after <= ${first} AND c.status = 'active' AND c.noticed < CASE
      WHEN c.not_after <= ${end} THEN 4 WHEN c.not_after <= ${third} THEN 3 WHEN c.not_after <= ${second} THEN 2 ELSE 1 END
    ORDER BY c.not_after LIMIT ${limit} FOR UPDATE OF c, d SKIP LOCKED`;
}

/** One record for all the moments that have passed: a certificate made for a week is not told of 30 days before its end. */
async function notice(tx: Transaction, row: DueRow, nowMs: number): Promise<void> {
  const leftMs = row.not_after.getTime() - nowMs;
  const noticed = noticeDays.filter((days) => leftMs <= days * dayMs).length;
  await tx.certificate.update({ where: keyOf(row), data: { noticed } });
  const subject = { tenantId: row.tenant_id, deviceId: row.device_id, productKey: row.product_key, deviceName: row.device_name };
  const certificate = { fingerprint: row.fingerprint, notAfter: row.not_after.toISOString() };
  const action = leftMs <= 0 ? ("certificateExpired" as const) : ("certificateExpiring" as const);
  await insertDeviceEvent(tx, subject, { action, detail: { certificate } }, { principal: "service:devices", atMs: nowMs });
}
