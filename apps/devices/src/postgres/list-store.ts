import type { Database } from "@mooring/db";
import type { RevocationListStore } from "../authority-ports.ts";
import { olderThan } from "../list-rules.ts";
import { productsOf, toRecord } from "./authority-rows.ts";
import type { ChangeLog, Transaction } from "./change-log.ts";

/** What is known of registered authorities' lists, and what is on them. */
export function createListStore({ prisma }: Pick<Database, "prisma">, log: ChangeLog): RevocationListStore {
  return {
    async claimDue(nowMs, leaseMs, limit) {
      const rows = await prisma.$queryRaw<{ readonly id: string }[]>`UPDATE authorities SET crl_fetch_at = ${new Date(nowMs + leaseMs)}
        WHERE id IN (SELECT id FROM authorities WHERE crl_fetch_at <= ${new Date(nowMs)} AND crl_url IS NOT NULL
          AND kind = 'foreign' AND status = 'active' AND crl_mode <> 'off' ORDER BY crl_fetch_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
        RETURNING id`;
      const ids = rows.map(({ id }) => id);
      return ids.length === 0 ? [] : (await prisma.authority.findMany({ where: { id: { in: ids } } })).map(toRecord);
    },

    replace: (id, list, { nowMs, fetchAtMs }) =>
      log.commit(async (tx, record) => {
        await tx.$queryRaw`SELECT 1 AS locked FROM authorities WHERE id = ${id}::uuid FOR UPDATE`;
        const before = await tx.authority.findUniqueOrThrow({ where: { id } });
        const known = toRecord(before);
        const older = olderThan(list, known.list ?? {});
        if (older !== undefined) return { older };
        const fetch = fetchAtMs === undefined ? {} : { crlFetchAt: new Date(fetchAtMs), crlFailures: 0, crlError: null, crlErrorAt: null };
        const learned = { crlLearnedAt: new Date(nowMs), ...fetch };
        if (before.crlDigest === list.digestSha256)
          return { record: toRecord(await tx.authority.update({ where: { id }, data: learned })) };
        const row = await tx.authority.update({ where: { id }, data: { ...learned, ...toColumns(list), crlOverdueTold: false } });
        await replaceEntries(tx, id, list.entries);
        for (const productKey of await productsOf(tx, id)) await record({ productKey });
        return { record: toRecord(row) };
      }),

    async fail(id, { error, atMs, fetchAtMs }) {
      const data = { crlError: error, crlErrorAt: new Date(atMs), crlFetchAt: new Date(fetchAtMs), crlFailures: { increment: 1 } };
      await prisma.authority.updateMany({ where: { id }, data });
    },

    async tellOverdue(nowMs, limit) {
      const where = { crlNextUpdate: { lt: new Date(nowMs) }, crlOverdueTold: false, kind: "foreign", status: "active" };
      // Asked without a transaction first: nearly always there is nothing.
      if ((await prisma.authority.findFirst({ where, select: { id: true } })) === null) return 0;
      return log.commit(async (tx, record) => {
        const due = await tx.authority.findMany({
          where,
          select: { id: true, crlMode: true },
          orderBy: { crlNextUpdate: "asc" },
          take: limit,
        });
        await tx.authority.updateMany({ where: { ...where, id: { in: due.map(({ id }) => id) } }, data: { crlOverdueTold: true } });
        const products = new Set<string>();
        for (const { id, crlMode } of due) {
          if (crlMode !== "auto" && crlMode !== "required") continue;
          for (const productKey of await productsOf(tx, id)) products.add(productKey);
        }
        for (const productKey of products) await record({ productKey });
        return due.length;
      });
    },
  };
}

type List = Parameters<RevocationListStore["replace"]>[1];

const toColumns = ({ nextUpdateMs, thisUpdateMs, number, digestSha256 }: List) => ({
  crlNextUpdate: new Date(nextUpdateMs),
  crlThisUpdate: new Date(thisUpdateMs),
  // One without a number does not make the next one forget what number there was.
  ...(number === undefined ? {} : { crlListNumber: number.toString(16) }),
  crlDigest: digestSha256,
});

/** A foreign list does not say when the certificates on it end; they leave it with the next list. */
const foreverListed = new Date("9999-12-31T23:59:59Z");

/** What the authority says replaces what it said before. What was revoked here stays; what is only held here is revoked when the list says so. */
async function replaceEntries(tx: Transaction, id: string, entries: List["entries"]): Promise<void> {
  const serials = entries.map(({ serial }) => serial);
  await tx.$executeRaw`DELETE FROM revocations WHERE authority_id = ${id}::uuid AND listed AND NOT serial = ANY(${serials}::text[])`;
  const [at, reasons] = [entries.map(({ revokedAtMs }) => new Date(revokedAtMs)), entries.map(({ reason }) => reason)];
  await tx.$executeRaw`INSERT INTO revocations (authority_id, serial, revoked_at, reason, listed, not_after)
    SELECT DISTINCT ON (serial) ${id}::uuid, serial, at, reason, true, ${foreverListed}::timestamptz
    FROM unnest(${serials}::text[], ${at}::timestamptz[], ${reasons}::text[]) AS given (serial, at, reason)
    ON CONFLICT (authority_id, serial) DO UPDATE
      SET listed = true, reason = EXCLUDED.reason, revoked_at = EXCLUDED.revoked_at, not_after = EXCLUDED.not_after
      WHERE revocations.listed OR revocations.reason = 'certificateHold'`;
}
