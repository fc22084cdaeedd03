import { bigintArray, doubleArray, jsonArray, textArray, uuidArray } from "@mooring/db";
import type { PoolClient } from "pg";
import type { Accepted, Change } from "../change.ts";
import type { ShadowDocument } from "../document.ts";
import { blockVersions } from "../past.ts";
import type { ShadowKey } from "../ports.ts";
import { dayOf } from "./history-days.ts";
import { metadataText } from "./shadow-row.ts";

/** A document that has changed. */
export interface Changed {
  readonly key: ShadowKey;
  /** As it is stored now; undefined when it is not. */
  readonly stored: ShadowDocument | undefined;
  readonly after: ShadowDocument;
}

export interface Made {
  readonly change: Change;
  readonly accepted: Accepted;
}

/**
 * Writes the documents, under their devices' locks, and a line of history for each change. A section that did not change is not written out again.
 * Mostly this is one statement: each costs every waiting change a way to the database and back.
 */
export async function saveAll(client: PoolClient, changed: readonly Changed[], made: readonly Made[], atMs: number): Promise<void> {
  if (made.length === 0) return;
  const existing = changed.filter(({ stored }) => stored !== undefined);
  const created = changed.filter(({ stored }) => stored === undefined);
  if (created.length > 0) await client.query({ name: "shadow-create", text: createText, values: columnsOf(created) });
  const lines = linesOf(made, atMs);
  if (existing.length === 0) await client.query({ name: "shadow-changes", text: changesText(1), values: lines });
  else await client.query({ name: "shadow-save", text: saveText, values: [...columnsOf(existing), ...lines] });
}

const rows = `unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::json[], $6::json[], $7::json[], $8::json[], $9::double precision[])
  AS n (device_id, name, tenant_id, version, desired, reported, metadata, desired_versions, updated_ms)`;

const createText = `
  INSERT INTO shadows (device_id, name, tenant_id, version, desired, reported, metadata, desired_versions, updated_at)
  SELECT n.device_id, n.name, n.tenant_id, n.version, n.desired, n.reported, n.metadata, n.desired_versions, to_timestamp(n.updated_ms / 1000.0)
  FROM ${rows}`;

const updateText = `
  UPDATE shadows AS s
  SET version = n.version, desired = coalesce(n.desired, s.desired), reported = coalesce(n.reported, s.reported),
      metadata = n.metadata, desired_versions = coalesce(n.desired_versions, s.desired_versions),
      updated_at = to_timestamp(n.updated_ms / 1000.0)
  FROM ${rows}
  WHERE s.device_id = n.device_id AND s.name = n.name`;

/** Its parameters begin at this one. */
function changesText(first: number): string {
  const at = (place: number): string => `$${first + place}`;
  return `
  INSERT INTO shadow_changes (device_id, name, version, at, said_at, principal, desired, reported, client_token, "offset", snapshot)
  SELECT c.device_id, c.name, c.version, to_timestamp(${at(0)} / 1000.0), to_timestamp(c.said_ms / 1000.0), c.principal, c.desired,
         c.reported, c.client_token, c."offset", c.snapshot
  FROM unnest(${at(1)}::uuid[], ${at(2)}::text[], ${at(3)}::bigint[], ${at(4)}::double precision[], ${at(5)}::text[], ${at(6)}::json[],
              ${at(7)}::json[], ${at(8)}::text[], ${at(9)}::bigint[], ${at(10)}::json[])
    AS c (device_id, name, version, said_ms, principal, desired, reported, client_token, "offset", snapshot)`;
}

const saveText = `WITH saved AS (${updateText}) ${changesText(10)}`;

function columnsOf(changed: readonly Changed[]): unknown[] {
  const textOf = (value: object, stored: object | undefined): string | null => (value === stored ? null : JSON.stringify(value));
  return [
    uuidArray(changed.map(({ key }) => key.deviceId)),
    textArray(changed.map(({ key }) => key.name)),
    uuidArray(changed.map(({ key }) => key.tenantId)),
    bigintArray(changed.map(({ after }) => after.version)),
    jsonArray(changed.map(({ after, stored }) => textOf(after.desired, stored?.desired))),
    jsonArray(changed.map(({ after, stored }) => textOf(after.reported, stored?.reported))),
    jsonArray(changed.map(({ after }) => metadataText(after))),
    jsonArray(changed.map(({ after, stored }) => textOf(after.desiredVersions, stored?.desiredVersions))),
    doubleArray(changed.map(({ after }) => after.updatedAtMs)),
  ];
}

/**
 * Whether the history holds the whole document with this change: with the first one ever, with the first of every 64 versions, and with the first
 * of each day, since days are dropped whole and what is left must be enough to make documents from.
 */
function isSnapshotDue({ before, after }: Accepted): boolean {
  return (
    before.version === 0 ||
    Math.floor(before.version / blockVersions) !== Math.floor(after.version / blockVersions) ||
    dayOf(before.updatedAtMs) !== dayOf(after.updatedAtMs)
  );
}

function linesOf(made: readonly Made[], atMs: number): unknown[] {
  return [
    atMs,
    uuidArray(made.map(({ change }) => change.key.deviceId)),
    textArray(made.map(({ change }) => change.key.name)),
    bigintArray(made.map(({ accepted }) => accepted.after.version)),
    doubleArray(made.map(({ change }) => change.receivedAtMs)),
    textArray(made.map(({ change }) => change.principal)),
    jsonArray(made.map(({ accepted }) => accepted.edit.desiredText)),
    jsonArray(made.map(({ accepted }) => accepted.edit.reportedText)),
    textArray(made.map(({ change }) => change.clientToken)),
    bigintArray(made.map(({ change }) => change.offset)),
    jsonArray(made.map(({ accepted }) => (isSnapshotDue(accepted) ? snapshotOf(accepted.after) : undefined))),
  ];
}

function snapshotOf({ desired, reported, metadata, desiredVersions }: ShadowDocument): string {
  return JSON.stringify({ desired, reported, metadata, desiredVersions });
}
