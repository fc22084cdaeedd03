/** The parts of a parsed YAML file, each of the kind it must be; `what` names the place for whoever reads the error. */

export function mapOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  // `public: {}` is often written `public:`.
  if (value === null) return {};
  if (typeof value !== "object" || value === undefined || Array.isArray(value)) throw new Error(`${what} is no mapping`);
  return value as Record<string, unknown>;
}

export function listOf(value: unknown, what: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error(`${what} is no list`);
  return value;
}

export function textOf(value: unknown, what: string): string {
  if (typeof value === "string") return value;
  // YAML takes 8080 for a number and true for a boolean; Compose hands on their text.
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  throw new Error(`${what} is no text`);
}

export function onlyKeys(map: Readonly<Record<string, unknown>>, known: readonly string[], what: string): void {
  const odd = Object.keys(map).find((key) => !known.includes(key));
  if (odd !== undefined) throw new Error(`${what}: ${odd} is not understood here, so it would not be proved`);
}
