import { bigintArray, uuidArray } from "@mooring/db";
import type { PoolClient } from "pg";
import type { ShadowDocument } from "../document.ts";
import type { DocumentCache } from "../document-cache.ts";
import type { ShadowKey } from "../ports.ts";
import { type ShadowRow, toDocument } from "./shadow-row.ts";

/** A shadow by one text: what documents are kept under within a process. */
export function idOf({ deviceId, name }: Pick<ShadowKey, "deviceId" | "name">): string {
  return name === "" ? deviceId : `${deviceId}/${name}`;
}

/**
 * Locks the devices of the keys and returns their documents by `idOf`; named shadows that do not exist are left out. The row of a device's classic
 * shadow is the lock of all its shadows; it is made where it is missing, unless the device was deleted: then nothing of it is returned. Rows are
 * always locked in the order of device ids, so that no two transactions ever wait for each other.
 */
export async function lockDocuments(
  client: PoolClient,
  keys: readonly ShadowKey[],
  cache: DocumentCache,
): Promise<Map<string, ShadowDocument>> {
  const tenants = new Map<string, string>();
  const named = new Map<string, ShadowKey>();
  for (const key of keys) {
    tenants.set(key.deviceId, key.tenantId);
    if (key.name !== "") named.set(idOf(key), key);
  }
  // Looked up once: the cache changes while statements are under way.
  const known = new Map<string, ShadowDocument>();
  for (const id of [...tenants.keys(), ...named.keys()]) {
    const document = cache.get(id);
    if (document !== undefined) known.set(id, document);
  }
  const deviceIds = [...tenants.keys()].sort();
  const unknown = deviceIds.filter((deviceId) => !known.has(deviceId));
  if (unknown.length > 0) await ensureDevices(client, unknown, tenants);
  const rows = await lockDevices(client, deviceIds, known);
  if (rows.length < deviceIds.length) rows.push(...(await lockMissing(client, { deviceIds, rows, tenants, known })));
  if (named.size > 0) rows.push(...(await readNamed(client, [...named.values()], known)));
  return new Map(rows.map((row) => toEntry(row, known)));
}

interface Locked {
  readonly deviceIds: readonly string[];
  readonly rows: readonly Found[];
  readonly tenants: ReadonlyMap<string, string>;
  readonly known: Known;
}

/** Devices that are known and yet have no row: deleted since, or in a database that was set back. The latter get one again. */
async function lockMissing(client: PoolClient, { deviceIds, rows, tenants, known }: Locked): Promise<readonly Found[]> {
  const there = new Set(rows.map((row) => row.device_id));
  const missing = deviceIds.filter((deviceId) => !there.has(deviceId) && known.has(deviceId));
  if (missing.length === 0) return [];
  await ensureDevices(client, missing, tenants);
  return lockDevices(client, missing, known);
}

async function ensureDevices(client: PoolClient, deviceIds: readonly string[], tenants: ReadonlyMap<string, string>): Promise<void> {
  await client.query({
    name: "shadow-ensure",
    text: `INSERT INTO shadows (device_id, name, tenant_id, version, desired, reported, metadata, desired_versions, updated_at)
           SELECT k.device_id, '', k.tenant_id, 0, '{}', '{}', '{"desired":{},"reported":{}}', '{}', to_timestamp(0)
           FROM unnest($1::uuid[], $2::uuid[]) AS k (device_id, tenant_id)
           WHERE NOT EXISTS (SELECT FROM shadow_removals AS r WHERE r.device_id = k.device_id)
           ORDER BY k.device_id ON CONFLICT DO NOTHING`,
    values: [deviceIds, deviceIds.map((deviceId) => tenants.get(deviceId))],
  });
}

interface Found {
  readonly device_id: string;
  readonly name: string;
  readonly version: string;
  /** JSON; null when the version is the one that is known already, so that the document stays in the database. */
  readonly document: string | null;
}

type Known = ReadonlyMap<string, ShadowDocument>;

/** `k` are the keys with the versions that are known. */
const foundColumns = `s.device_id, s.name, s.version,
  CASE WHEN s.version <> k.version THEN json_build_array(s.desired::text, s.reported::text, s.metadata::text, s.desired_versions::text,
    floor(extract(epoch FROM s.updated_at) * 1000)) END::text AS document`;

async function lockDevices(client: PoolClient, deviceIds: readonly string[], known: Known): Promise<Found[]> {
  const { rows } = await client.query<Found>({
    name: "shadow-lock",
    text: `SELECT ${foundColumns}
           FROM unnest($1::uuid[], $2::bigint[]) AS k (device_id, version) JOIN shadows AS s ON s.device_id = k.device_id AND s.name = ''
           ORDER BY s.device_id FOR UPDATE OF s`,
    values: [uuidArray(deviceIds), bigintArray(deviceIds.map((deviceId) => known.get(deviceId)?.version ?? -1))],
  });
  return rows;
}

async function readNamed(client: PoolClient, keys: readonly ShadowKey[], known: Known): Promise<readonly Found[]> {
  const versions = keys.map((key) => known.get(idOf(key))?.version ?? -1);
  const { rows } = await client.query<Found>({
    name: "shadow-named",
    text: `SELECT ${foundColumns}
           FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS k (device_id, name, version)
           JOIN shadows AS s ON s.device_id = k.device_id AND s.name = k.name`,
    values: [keys.map(({ deviceId }) => deviceId), keys.map(({ name }) => name), versions],
  });
  return rows;
}

function toEntry(row: Found, known: Known): [string, ShadowDocument] {
  const id = idOf({ deviceId: row.device_id, name: row.name });
  const there = known.get(id);
  if (row.document === null && there !== undefined) return [id, there];
  const [desired, reported, metadata, versions, updatedAtMs] = JSON.parse(row.document ?? "[]") as [string, string, string, string, number];
  const columns: ShadowRow = { version: row.version, desired, reported, metadata, desired_versions: versions, updated_ms: updatedAtMs };
  return [id, toDocument(columns)];
}
