import type { CertificateProfile, Product, ProductSecrecy } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import type { ProductPatch, ProductStore, Scope } from "../ports.ts";
import type { ChangeLog } from "./change-log.ts";
import { isTaken } from "./prisma-errors.ts";

const findSql = `
  SELECT product_key AS "productKey", tenant_id AS "tenantId", name, validation, secret_authentication AS "secretAuthentication",
    legacy_signatures AS "legacySignatures", registration, registered_devices_max AS "registeredDevicesMax",
    acknowledgement, history_days AS "historyDays", deduplicate_ids AS "deduplicateIds", push_delta AS "pushDelta",
    model_name AS "modelName", certificate_profile AS "certificateProfile", model_version AS "modelVersion", created_at AS "createdAt"
  FROM products WHERE product_key = $1 AND ($2::uuid IS NULL OR tenant_id = $2)`;

export function createProductStore({ prisma, pool }: Pick<Database, "prisma" | "pool">, log: ChangeLog): ProductStore {
  return {
    async insert(product) {
      const { productKey, tenantId, createdAtMs, name } = product;
      const data = { productKey, tenantId, createdAt: new Date(createdAtMs), name, ...toColumns(product) };
      try {
        await log.commit(async (tx, record) => {
          await tx.product.create({ data });
          await record({ productKey });
        });
        return "inserted";
      } catch (error) {
        if (isTaken(error)) return "taken";
        throw error;
      }
    },

    // Asked for by every change of a shadow, so it is plain SQL: Prisma's client costs several times as much.
    async find(scope, productKey) {
      const { rows } = await pool.query<ProductRow>({ name: "product-find", text: findSql, values: [productKey, tenantIn(scope)] });
      return rows[0] === undefined ? undefined : toProduct(rows[0]);
    },

    count: (tenantId) => prisma.product.count({ where: { tenantId } }),

    async list(scope, { after, limit }) {
      const where = { ...inScope(scope), ...(after === undefined ? {} : { productKey: { gt: after } }) };
      const rows = await prisma.product.findMany({ where, orderBy: { productKey: "asc" }, take: limit });
      return rows.map(toProduct);
    },

    update: (tenantId, productKey, patch) =>
      log.commit(async (tx, record) => {
        const { count } = await tx.product.updateMany({ where: { productKey, tenantId }, data: toPatch(patch) });
        if (count === 0) return undefined;
        const row = await tx.product.findUniqueOrThrow({ where: { productKey } });
        await record({ productKey });
        return toProduct(row);
      }),
  };
}

/** For SQL: null for any tenant. Never undefined, which a driver might take for something else. */
export function tenantIn(scope: Scope): string | null {
  return scope === "anyTenant" ? null : scope.tenantId;
}

/** The tenant as a condition; nothing at all for the platform's own services. */
function inScope(scope: Scope): { readonly tenantId?: string } {
  return scope === "anyTenant" ? {} : { tenantId: scope.tenantId };
}

function toColumns(product: Product) {
  const { validation, acknowledgement, historyDays, deduplicateIds, pushDelta, thingModel } = product;
  const profile = profileColumn(product);
  const model = { modelName: thingModel?.name ?? null, modelVersion: thingModel?.version ?? null };
  return { validation, ...secrecyOf(product), acknowledgement, historyDays, deduplicateIds, pushDelta, ...model, ...profile };
}

function secrecyOf({ secretAuthentication, legacySignatures, registration, registeredDevicesMax }: Required<ProductSecrecy>) {
  return { secretAuthentication, legacySignatures, registration, registeredDevicesMax };
}

function toPatch({ thingModel, certificateProfile, ...rest }: ProductPatch) {
  const plain = { ...rest, ...profileColumn({ certificateProfile }) };
  return thingModel === undefined ? plain : { ...plain, modelName: thingModel.name, modelVersion: thingModel.version };
}

/** A copy, as Prisma takes plain objects alone for JSON. */
function profileColumn({ certificateProfile }: { readonly certificateProfile?: CertificateProfile | undefined }) {
  return certificateProfile === undefined ? {} : { certificateProfile: { ...certificateProfile } };
}

interface ProductRow extends Required<ProductSecrecy> {
  readonly productKey: string;
  readonly tenantId: string;
  readonly name: string;
  readonly validation: string;
  readonly acknowledgement: string;
  readonly historyDays: number;
  readonly deduplicateIds: boolean;
  readonly pushDelta: boolean;
  readonly modelName: string | null;
  readonly modelVersion: string | null;
  readonly certificateProfile: unknown;
  readonly createdAt: Date;
}

function toProduct(row: ProductRow): Product {
  const { productKey, tenantId, name, validation, modelName, modelVersion } = row;
  const { acknowledgement, historyDays, deduplicateIds, pushDelta } = row;
  const profile = row.certificateProfile === null ? {} : { certificateProfile: row.certificateProfile as CertificateProfile };
  const options = { acknowledgement, historyDays, deduplicateIds, pushDelta };
  const product = {
    tenantId,
    productKey,
    name,
    validation,
    ...secrecyOf(row),
    ...options,
    createdAtMs: row.createdAt.getTime(),
    ...profile,
  };
  return modelName === null || modelVersion === null ? product : { ...product, thingModel: { name: modelName, version: modelVersion } };
}
