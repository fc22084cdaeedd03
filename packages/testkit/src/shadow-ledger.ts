import { isJsonObject, type JsonObject, type JsonValue } from "@mooring/contracts";

/** A change that was accepted, from the history or as its writer heard of it. A section that is absent was left alone; null cleared it. */
export interface LedgerChange {
  readonly version: number;
  readonly desired?: JsonValue;
  readonly reported?: JsonValue;
}

export interface ShadowLedger {
  /** Every accepted change there is, in any order. */
  readonly changes: readonly (LedgerChange & { readonly atMs: number })[];
  /** The document now. */
  readonly document: { readonly version: number; readonly desired: JsonObject; readonly reported: JsonObject };
  /** What writers were told was accepted, and on condition of which version. */
  readonly successes: readonly (LedgerChange & { readonly writer: string; readonly expected?: number })[];
  /** When each change says something that no other says: all that writers tried, whatever became of it. */
  readonly tries?: readonly LedgerTry[];
}

export interface LedgerTry {
  readonly writer: string;
  readonly desired?: JsonValue;
  readonly reported?: JsonValue;
  /** The writer was told that it was not made. */
  readonly isRefused?: boolean;
}

/**
 * What is wrong with a shadow, one sentence each; nothing when all holds: versions never repeat nor skip, times never go back, the changes one after
 * the other make the document, and what a writer was told was accepted is among them as it said it, at the version it expected. With the tries:
 * what was refused is not among them, what was tried once is there once, and there is nothing that nobody tried. Uses nothing of the service's own
 * rules.
 */
export function checkShadowLedger({ changes, document, successes, tries }: ShadowLedger): readonly string[] {
  const ordered = [...changes].sort((a, b) => a.version - b.version);
  return [
    ...checkVersions(ordered, document.version),
    ...checkFold(ordered, document),
    ...checkSuccesses(ordered, successes),
    ...(tries === undefined ? [] : checkTries(ordered, tries)),
  ];
}

function checkVersions(ordered: ShadowLedger["changes"], last: number): readonly string[] {
  const problems: string[] = [];
  let version = 0;
  let atMs = Number.NEGATIVE_INFINITY;
  for (const change of ordered) {
    if (change.version === version) problems.push(`version ${version} was given twice`);
    else if (change.version !== version + 1) problems.push(`after version ${version} came ${change.version}`);
    if (change.atMs < atMs) problems.push(`version ${change.version} is older than the one before it`);
    version = change.version;
    atMs = change.atMs;
  }
  if (last !== version) problems.push(`the document is at version ${last}, the last change made ${version}`);
  return problems;
}

function checkFold(ordered: ShadowLedger["changes"], document: ShadowLedger["document"]): readonly string[] {
  const sections = ["desired", "reported"] as const;
  return sections.flatMap((section) => {
    let state: JsonValue = {};
    for (const change of ordered) if (change[section] !== undefined) state = patched(state, change[section]);
    const [made, there] = [canonical(state), canonical(document[section])];
    return made === there ? [] : [`the changes make ${section} ${made}, the document has ${there}`];
  });
}

/** RFC 7396 §2, line by line; a section that is cleared is empty. */
function patched(target: JsonValue, patch: JsonValue): JsonValue {
  if (patch === null) return {};
  return mergePatch(target, patch);
}

function mergePatch(target: JsonValue, patch: JsonValue): JsonValue {
  if (!isJsonObject(patch)) return patch;
  const result = new Map(isJsonObject(target) ? Object.entries(target) : []);
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, mergePatch(result.get(name) ?? null, value));
  }
  return Object.fromEntries(result);
}

function checkSuccesses(ordered: ShadowLedger["changes"], successes: ShadowLedger["successes"]): readonly string[] {
  const problems: string[] = [];
  const byVersion = new Map(ordered.map((change) => [change.version, change]));
  const told = new Map<number, string>();
  for (const { writer, expected, ...success } of successes) {
    if (expected !== undefined && success.version !== expected + 1) {
      problems.push(`${writer} expected version ${expected} and was told that it made ${success.version}`);
    }
    const other = told.get(success.version);
    if (other !== undefined) problems.push(`${other} and ${writer} were both told that they made version ${success.version}`);
    told.set(success.version, writer);
    const change = byVersion.get(success.version);
    if (change === undefined) problems.push(`${writer} was told that it made version ${success.version}, which is not there`);
    else if (saysOf(change) !== saysOf(success)) problems.push(`version ${success.version} is not what ${writer} said`);
  }
  return problems;
}

function checkTries(ordered: ShadowLedger["changes"], tries: readonly LedgerTry[]): readonly string[] {
  const problems: string[] = [];
  const made = new Map<string, number>();
  for (const change of ordered) {
    const says = saysOf(change);
    const other = made.get(says);
    if (other !== undefined) problems.push(`versions ${other} and ${change.version} were made of one try`);
    made.set(says, change.version);
  }
  const tried = new Map(tries.map((one) => [saysOf(one), one]));
  if (tried.size < tries.length) problems.push("two tries say the same, so that nothing can be said of them");
  for (const [says, version] of made) {
    const one = tried.get(says);
    if (one === undefined) problems.push(`nobody tried what made version ${version}`);
    else if (one.isRefused === true) problems.push(`${one.writer} was told that it was refused what made version ${version}`);
  }
  return problems;
}

/** What a change says, in one form. */
function saysOf({ desired, reported }: Pick<LedgerChange, "desired" | "reported">): string {
  return `${desired === undefined ? "" : canonical(desired)} ${reported === undefined ? "" : canonical(reported)}`;
}

/** JSON with the members of objects in order, so that equal values are equal texts. */
function canonical(value: JsonValue): string {
  return JSON.stringify(value, (_, member: unknown) =>
    isJsonObject(member) ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1))) : member,
  );
}
