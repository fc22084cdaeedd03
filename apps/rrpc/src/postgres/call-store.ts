import type { ErrorCode } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import type { CallStore, NewCall, StoredCall } from "../ports.ts";

interface CallRow {
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly deviceId: string;
  readonly requestHash: Uint8Array;
  readonly messageId: string;
  readonly deadlineAt: Date;
  readonly finishedAt: Date | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
  readonly payload: Uint8Array | null;
}

export function createPostgresCallStore(prisma: Database["prisma"]): CallStore {
  const keyOf = (call: NewCall) => ({
    tenantId_idempotencyKey: { tenantId: call.tenantId, idempotencyKey: call.idempotencyKey },
  });

  return {
    async begin(call) {
      const { deadlineMs, ...row } = call;
      const { count } = await prisma.call.createMany({
        data: [{ ...row, requestHash: Buffer.from(call.requestHash), deadlineAt: new Date(deadlineMs) }],
        skipDuplicates: true,
      });
      return count === 1 ? undefined : this.find(call.tenantId, call.idempotencyKey);
    },

    async finish(call, outcome) {
      await prisma.call.update({
        where: keyOf(call),
        data:
          "payload" in outcome ? { finishedAt: new Date(), payload: Buffer.from(outcome.payload) } : { finishedAt: new Date(), ...outcome },
      });
    },

    async forget(call) {
      await prisma.call.delete({ where: keyOf(call) });
    },

    async find(tenantId, idempotencyKey) {
      const row = await prisma.call.findUnique({ where: { tenantId_idempotencyKey: { tenantId, idempotencyKey } } });
      return row === null ? undefined : toStored(row);
    },

    async sweep(beforeMs) {
      const { count } = await prisma.call.deleteMany({ where: { createdAt: { lt: new Date(beforeMs) } } });
      return count;
    },
  };
}

function toStored(row: CallRow): StoredCall {
  const { tenantId, idempotencyKey, deviceId, requestHash, messageId } = row;
  return { tenantId, idempotencyKey, deviceId, requestHash, messageId, deadlineMs: row.deadlineAt.getTime(), outcome: outcomeOf(row) };
}

function outcomeOf(row: CallRow): StoredCall["outcome"] {
  if (row.finishedAt === null) return undefined;
  if (row.payload !== null) return { payload: row.payload };
  return { errorCode: (row.errorCode ?? "internal") as ErrorCode, errorMessage: row.errorMessage ?? "" };
}
