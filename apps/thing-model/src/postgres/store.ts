import { type JsonValue, PlatformError, type ThingModelVersion } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import { type FieldNumbers, parseFieldNumbers } from "@mooring/thing-model";
import type { ModelStore, StoredModel } from "../ports.ts";

const versionColumns = {
  name: true,
  version: true,
  contentHash: true,
  publishedAt: true,
  state: true,
  replacement: true,
  retireAt: true,
} as const;

interface VersionRow {
  readonly name: string;
  readonly version: string;
  readonly contentHash: string;
  readonly publishedAt: Date;
  readonly state: string;
  readonly replacement: string | null;
  readonly retireAt: Date | null;
}

/** Each attempt that fails was beaten by one that did not, and what all of them allot is soon there. */
const allotmentAttemptsMax = 8;

function countNumbers(numbers: FieldNumbers): number {
  return Object.values(numbers).reduce((sum, fields) => sum + Object.keys(fields).length, 0);
}

/** Models in Postgres. */
export function createPostgresModelStore({ prisma }: Pick<Database, "prisma">): ModelStore {
  async function find(tenantId: string, name: string, version: string): Promise<StoredModel | undefined> {
    const row = await prisma.thingModelVersion.findUnique({ where: { tenantId_name_version: { tenantId, name, version } } });
    if (row === null) return undefined;
    const { namespace, document, imports } = row;
    return { ...toVersion(row), tenantId, document, imports, ...(namespace === null ? {} : { namespace }) };
  }

  /** False when there is no draft to change. */
  async function changeDraft(model: StoredModel): Promise<boolean> {
    const { tenantId, name, version, ...data } = toRow(model);
    const { count } = await prisma.thingModelVersion.updateMany({ where: { tenantId, name, version, state: "draft" }, data });
    return count > 0;
  }

  async function create(model: StoredModel): Promise<boolean> {
    const { count } = await prisma.thingModelVersion.createMany({ data: [toRow(model)], skipDuplicates: true });
    return count > 0;
  }

  return {
    async insert(model) {
      // Between the two a draft may come; then the draft is what is stored, and the caller hears of a taken version.
      if (!(await changeDraft(model))) await create(model);
      const stored = await find(model.tenantId, model.name, model.version);
      if (stored === undefined) throw new Error("a model version just stored is not there");
      return stored;
    },

    async saveDraft(model) {
      return (await changeDraft(model)) || (await create(model)) || (await changeDraft(model));
    },

    async setState(key, { from, state, replacement, retireAtMs }, atMs) {
      const { count } = await prisma.thingModelVersion.updateMany({
        where: { ...key, state: { in: [...from] } },
        data: {
          state,
          changedAt: new Date(atMs),
          ...(replacement === undefined ? {} : { replacement }),
          ...(retireAtMs === undefined ? {} : { retireAt: new Date(retireAtMs) }),
        },
      });
      return count > 0;
    },

    find,

    async allotFieldNumbers(tenantId, name, allot) {
      for (let attempt = 0; attempt < allotmentAttemptsMax; attempt += 1) {
        const row = await prisma.thingModelFieldNumbers.findUnique({ where: { tenantId_name: { tenantId, name } } });
        const known = row === null ? {} : parseFieldNumbers(row.numbers as JsonValue);
        const numbers = allot(known);
        // Numbers only ever come to be; as many as before are the same as before.
        if (countNumbers(numbers) === countNumbers(known)) return;
        const { count } =
          row === null
            ? await prisma.thingModelFieldNumbers.createMany({ data: [{ tenantId, name, numbers, revision: 1 }], skipDuplicates: true })
            : await prisma.thingModelFieldNumbers.updateMany({
                where: { tenantId, name, revision: row.revision },
                data: { numbers, revision: row.revision + 1 },
              });
        if (count === 1) return;
      }
      throw new PlatformError("unavailable", "the model's field numbers are being allotted by others; try again");
    },

    count: (tenantId) => prisma.thingModelVersion.count({ where: { tenantId } }),

    async list(tenantId, name, limit) {
      const rows = await prisma.thingModelVersion.findMany({
        where: { tenantId, ...(name === undefined ? {} : { name }) },
        orderBy: [{ publishedAt: "desc" }, { name: "asc" }, { version: "desc" }],
        select: versionColumns,
        take: limit,
      });
      return rows.map(toVersion);
    },

    async listOfNamespace(tenantId, namespace, limit) {
      const where = { tenantId, namespace, state: { not: "draft" } };
      return (
        await prisma.thingModelVersion.findMany({ where, orderBy: { publishedAt: "desc" }, select: versionColumns, take: limit })
      ).map(toVersion);
    },

    listChanged: (sinceMs, limit) =>
      prisma.thingModelVersion.findMany({
        where: { changedAt: { gte: new Date(sinceMs) } },
        select: { tenantId: true, name: true },
        distinct: ["tenantId", "name"],
        take: limit,
      }),
  };
}

function toVersion({ name, version, contentHash, publishedAt, state, replacement, retireAt }: VersionRow): ThingModelVersion {
  return {
    name,
    version,
    contentHash,
    publishedAtMs: publishedAt.getTime(),
    state,
    ...(replacement === null ? {} : { replacement }),
    ...(retireAt === null ? {} : { retireAtMs: retireAt.getTime() }),
  };
}

function toRow({ tenantId, name, version, document, contentHash, publishedAtMs, state, namespace, imports }: StoredModel) {
  const publishedAt = new Date(publishedAtMs);
  return {
    tenantId,
    name,
    version,
    document,
    contentHash,
    publishedAt,
    changedAt: publishedAt,
    state,
    namespace: namespace ?? null,
    imports: [...imports],
  };
}
