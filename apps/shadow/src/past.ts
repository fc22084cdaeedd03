// Documents as they were, made from the history: the nearest whole one at or below, and the changes since.
import type { JsonObject, JsonValue, ShadowChange } from "@mooring/contracts";
import { applyEdit, type ShadowDocument } from "./document.ts";
import type { Edit } from "./edit.ts";
import type { HistoryRow } from "./ports.ts";

/** Of so many versions in a row, the first one that exists has the whole document: so many lines make any document, at most. */
export const blockVersions = 64;

/** The document after the last of the rows, which are oldest first; undefined when none of them holds a whole document. */
export function foldRows(rows: readonly HistoryRow[]): ShadowDocument | undefined {
  const start = rows.findLastIndex(({ snapshot }) => snapshot !== undefined);
  const first = rows[start];
  if (first === undefined) return undefined;
  return rows.slice(start + 1).reduce(applyRow, toSnapshot(first));
}

function toSnapshot(row: HistoryRow): ShadowDocument {
  const whole = JSON.parse(row.snapshot ?? "{}") as Pick<ShadowDocument, "desired" | "reported" | "metadata" | "desiredVersions">;
  return { ...whole, directAt: {}, version: row.version, updatedAtMs: row.atMs, bytesAtMost: 0 };
}

function applyRow(document: ShadowDocument, row: HistoryRow): ShadowDocument {
  const edit: Edit = { patch: patchOf(row), desiredText: row.desired, reportedText: row.reported, bytes: 0 };
  return applyEdit(document, edit, { version: row.version, atMs: row.atMs, saidAtMs: row.saidAtMs ?? row.atMs });
}

function patchOf(row: HistoryRow): { readonly desired?: JsonObject | null; readonly reported?: JsonObject | null } {
  return {
    ...(row.desired === undefined ? {} : { desired: JSON.parse(row.desired) as JsonObject | null }),
    ...(row.reported === undefined ? {} : { reported: JSON.parse(row.reported) as JsonObject | null }),
  };
}

export function toChangeView(row: HistoryRow): ShadowChange {
  const patch: { readonly desired?: JsonValue; readonly reported?: JsonValue } = patchOf(row);
  return {
    version: row.version,
    atMs: row.atMs,
    principal: row.principal,
    ...patch,
    ...(row.clientToken === undefined ? {} : { clientToken: row.clientToken }),
    ...(row.offset === undefined ? {} : { offset: row.offset }),
  };
}
