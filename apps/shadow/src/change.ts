// One change tried on one document. Pure: it may run again, on another document, until it is committed.
import { type AskedAs, isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import { applyEdit, assertSize, type ShadowDocument, viewOf } from "./document.ts";
import { createEdit, type Edit } from "./edit.ts";
import type { ShadowKey } from "./ports.ts";
import type { Said } from "./report.ts";

export interface Change {
  readonly key: ShadowKey;
  readonly kind: "update" | "delete" | "report";
  readonly principal: string;
  readonly edit: Edit;
  readonly conditions?: Conditions;
  readonly clientToken?: string | undefined;
  /** A UUID that only the same change of the same maker has: it is made once under it. */
  readonly givenId?: string | undefined;
  /** Made by the device itself, which hears the answer in its messages. */
  readonly byDevice?: boolean;
  /** Of a report from the log: its place there, and when it was received. */
  readonly offset?: number;
  readonly messageId?: string;
  readonly receivedAtMs?: number;
  /** Of a device's direct change: how it asked for it. */
  readonly askedAs?: AskedAs | undefined;
  /** Of a device's direct change: when its gateway received it. */
  readonly directAtMs?: number | undefined;
  /** Of a device's direct change: what the log is told of it besides. */
  readonly said?: Said | undefined;
}

export interface Conditions {
  readonly expectedVersion?: number | undefined;
  readonly expectedDesiredVersions?: Readonly<Record<string, number>> | undefined;
  readonly nextVersion?: number | undefined;
}

/** A change that was made. */
export interface Accepted {
  readonly before: ShadowDocument;
  readonly after: ShadowDocument;
  /** What was applied: all of the change's edit, or what was not stale of a report. */
  readonly edit: Edit;
  /** Of what is to be in the log before the device hears of it: the message id. */
  readonly reportId?: string;
}

/** Throws `versionConflict` or `payloadTooLarge`, and `notFound` for the deletion of a named shadow that never was. The classic one always is. */
export function applyChange(before: ShadowDocument, change: Change, now: { readonly atMs: number; readonly bytesMax: number }): Accepted {
  const { conditions, receivedAtMs } = change;
  if (conditions !== undefined) assertConditions(before, conditions);
  if (change.kind === "delete" && change.key.name !== "" && before.version === 0) {
    throw new PlatformError("notFound", `the device has no shadow named ${JSON.stringify(change.key.name)}`);
  }
  const edit = receivedAtMs === undefined ? change.edit : withoutStale(change.edit, before, receivedAtMs);
  const version = conditions?.nextVersion ?? before.version + 1;
  const directAtMs = change.byDevice === true ? Math.min(change.directAtMs ?? now.atMs, now.atMs) : undefined;
  const after = applyEdit(before, edit, { version, atMs: now.atMs, saidAtMs: receivedAtMs ?? now.atMs, directAtMs });
  return { before, after: assertSize(after, now.bytesMax), edit };
}

function assertConditions(current: ShadowDocument, { expectedVersion, expectedDesiredVersions, nextVersion }: Conditions): void {
  if (expectedVersion !== undefined && expectedVersion !== current.version) {
    throw conflict(current, `the shadow is at version ${current.version}, not ${expectedVersion}`);
  }
  if (nextVersion !== undefined && nextVersion <= current.version) {
    throw conflict(current, `the shadow is at version ${current.version}; the next one must be above it, not ${nextVersion}`);
  }
  for (const [name, expected] of Object.entries(expectedDesiredVersions ?? {})) {
    const version = Object.hasOwn(current.desiredVersions, name) ? current.desiredVersions[name] : 0;
    if (version === expected) continue;
    const fact = version === 0 ? "is not set" : `was last changed by version ${version}`;
    throw conflict(current, `desired ${JSON.stringify(name)} ${fact}, not ${expected === 0 ? "unset" : `by ${expected}`}`);
  }
}

function conflict(document: ShadowDocument, message: string): PlatformError {
  const view = viewOf(document);
  return new PlatformError("versionConflict", message, { current: { ...view, metadata: { ...view.metadata } } });
}

/**
 * What the report says that nothing later has said: a device also writes its shadow directly, and that may be here before a report it sent earlier
 * has come through the log. Compared per property, by when gateways received both. Reports among themselves have the log's order, whatever clocks say.
 */
function withoutStale(edit: Edit, { directAt }: ShadowDocument, receivedAtMs: number): Edit {
  const { reported } = edit.patch;
  if (!isJsonObject(reported)) return edit;
  const isStale = (name: string): boolean => Object.hasOwn(directAt, name) && (directAt[name] ?? 0) > receivedAtMs;
  const names = Object.keys(reported);
  if (!names.some(isStale)) return edit;
  const kept: JsonObject = Object.fromEntries(names.filter((name) => !isStale(name)).map((name) => [name, reported[name] as JsonValue]));
  return createEdit({ reported: kept });
}
