import { countMembers, listingCost, spend } from "./work.ts";

/**
 * JSON text with the members of every object in code-unit order (as RFC 8785 s3.2.3), so that equal values have equal texts.
 * Returns undefined for a value nested more than `depthMax` levels deep.
 */
export function canonicalJson(value: unknown, depthMax: number): string | undefined {
  if (typeof value !== "object" || value === null) {
    spend(typeof value === "string" ? 9 + (value.length >> 1) : 9);
    return JSON.stringify(value);
  }
  if (depthMax === 0) return undefined;
  const parts: string[] = [];
  if (Array.isArray(value)) {
    for (const item of value) {
      const part = canonicalJson(item, depthMax - 1);
      if (part === undefined) return undefined;
      parts.push(part);
    }
    return `[${parts.join(",")}]`;
  }
  const members = value as Readonly<Record<string, unknown>>;
  const names = Object.keys(members).sort();
  spend(15 * names.length + listingCost(names.length));
  for (const name of names) {
    const part = canonicalJson(members[name], depthMax - 1);
    if (part === undefined) return undefined;
    parts.push(`${JSON.stringify(name)}:${part}`);
  }
  return `{${parts.join(",")}}`;
}

/** Equality of JSON values; as deep as `expected`, whatever the other one is. */
export function jsonEquals(expected: unknown, value: unknown): boolean {
  if (typeof expected === "string" && typeof value === "string" && expected.length === value.length) spend(1 + (expected.length >> 5));
  if (expected === value) return true;
  if (typeof expected !== "object" || typeof value !== "object" || expected === null || value === null) return false;
  if (Array.isArray(expected)) return Array.isArray(value) && itemsEqual(expected, value);
  if (Array.isArray(value)) return false;
  const [left, right] = [expected as Readonly<Record<string, unknown>>, value as Readonly<Record<string, unknown>>];
  const names = Object.keys(left);
  spend(1 + names.length + listingCost(names.length));
  // The other one may be large, and is listed only where all that is expected is there.
  return names.every((name) => Object.hasOwn(right, name) && jsonEquals(left[name], right[name])) && names.length === countMembers(right);
}

function itemsEqual(expected: readonly unknown[], items: readonly unknown[]): boolean {
  if (expected.length !== items.length) return false;
  for (let index = 0; index < expected.length; index += 1) {
    spend(1);
    if (!jsonEquals(expected[index], items[index])) return false;
  }
  return true;
}
