/**
 * JSON text with the members of every object in code-unit order (as RFC 8785 s3.2.3), so that equal values have equal texts.
 * Returns undefined for a value nested more than `depthMax` levels deep.
 */
export function canonicalJson(value: unknown, depthMax: number): string | undefined {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
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
  for (const name of Object.keys(members).sort()) {
    const part = canonicalJson(members[name], depthMax - 1);
    if (part === undefined) return undefined;
    parts.push(`${JSON.stringify(name)}:${part}`);
  }
  return `{${parts.join(",")}}`;
}

/** Equality of JSON values; as deep as `expected`, whatever the other one is. */
export function jsonEquals(expected: unknown, value: unknown): boolean {
  if (expected === value) return true;
  if (typeof expected !== "object" || typeof value !== "object" || expected === null || value === null) return false;
  if (Array.isArray(expected) !== Array.isArray(value)) return false;
  const names = Object.keys(expected);
  const [left, right] = [expected as Readonly<Record<string, unknown>>, value as Readonly<Record<string, unknown>>];
  return (
    names.length === Object.keys(value).length && names.every((name) => Object.hasOwn(value, name) && jsonEquals(left[name], right[name]))
  );
}
