import { PlatformError } from "@mooring/contracts";
import type { PoolClient } from "pg";
import type { Accepted } from "../change.ts";
import { isEmpty, type ShadowDocument } from "../document.ts";
import type { ShadowKey } from "../ports.ts";
import { idOf } from "./lock.ts";

/** Named shadows of one device that hold anything. */
export const namesMax = 50;
/** Names that one device ever used: of those that were deleted the version is kept, so that it never comes again. */
export const namesEverMax = 1_000;

export interface NameQuota {
  /** Counts a change of a named shadow. Throws `quotaExceeded` when it would be one too many. */
  take(key: ShadowKey, accepted: Accepted): void;
}

interface Count {
  held: number;
  ever: number;
}

/** Counts the names of those devices, which are locked, that may get one more. */
export async function openNameQuota(
  client: PoolClient,
  keys: readonly ShadowKey[],
  stored: ReadonlyMap<string, ShadowDocument>,
): Promise<NameQuota> {
  const devices = new Set<string>();
  for (const key of keys) if (key.name !== "" && mayGrow(stored.get(idOf(key)))) devices.add(key.deviceId);
  const counts = new Map<string, Count>();
  for (const deviceId of devices) counts.set(deviceId, { held: 0, ever: 0 });
  if (devices.size > 0) await count(client, counts);
  return { take: (key, accepted) => take(counts, key, accepted) };
}

/** A shadow that holds something may be emptied and filled again, which leaves the count as it was. */
function mayGrow(document: ShadowDocument | undefined): boolean {
  return document === undefined || isEmpty(document);
}

async function count(client: PoolClient, counts: Map<string, Count>): Promise<void> {
  const { rows } = await client.query<{ device_id: string; held: string; ever: string }>({
    name: "shadow-count-names",
    text: `SELECT device_id, count(*) AS ever, count(*) FILTER (WHERE desired::text <> '{}' OR reported::text <> '{}') AS held
           FROM shadows WHERE device_id = ANY ($1::uuid[]) AND name <> '' GROUP BY device_id`,
    values: [[...counts.keys()]],
  });
  for (const row of rows) counts.set(row.device_id, { held: Number(row.held), ever: Number(row.ever) });
}

function take(counts: ReadonlyMap<string, Count>, { deviceId, name }: ShadowKey, { before, after }: Accepted): void {
  const there = name === "" ? undefined : counts.get(deviceId);
  if (there === undefined) return;
  const held = there.held + Number(!isEmpty(after)) - Number(!isEmpty(before));
  const ever = there.ever + Number(before.version === 0);
  if (held > there.held && held > namesMax) {
    throw new PlatformError("quotaExceeded", `the device has ${there.held} named shadows; at most ${namesMax} are allowed`);
  }
  if (ever > there.ever && ever > namesEverMax) {
    throw new PlatformError("quotaExceeded", `the device has used ${there.ever} names of shadows; at most ${namesEverMax} are allowed`);
  }
  there.held = held;
  there.ever = ever;
}
