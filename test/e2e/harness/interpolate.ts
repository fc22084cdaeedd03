export type Variables = Readonly<Record<string, string | undefined>>;

/** `$$`, `$NAME`, or `${NAME}` with one of the four operators; anything else after a dollar is an error, as it is to Compose. */
const reference = /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)(?:(:?[-?])([^}]*))?\}|)/g;

/**
 * Puts variables in place of their references, as Compose does: `${A}`, `${A:-default}`, `${A-default}`, `${A:?message}`, `${A?message}`.
 * Throws for a required variable that is missing, and for a variable without a default that is not set: Compose only warns.
 */
export function interpolate(text: string, variables: Variables): string {
  return text.replace(reference, (whole, dollar, bare, name, operator: string | undefined, word = "") => {
    if (dollar !== undefined) return "$";
    const variable: string | undefined = bare ?? name;
    if (variable === undefined) throw new Error(`${JSON.stringify(text)}: ${JSON.stringify(whole)} is no reference to a variable`);
    const value = variables[variable];
    const missing = value === undefined || (value === "" && operator?.startsWith(":") === true);
    if (!missing) return value;
    if (operator?.endsWith("-")) return word;
    throw new Error(`${variable} ${word || "is not set"}`);
  });
}

/** Every string of a parsed file, keys excepted. */
export function interpolateAll<T>(value: T, variables: Variables): T {
  if (typeof value === "string") return interpolate(value, variables) as T;
  if (Array.isArray(value)) return value.map((item) => interpolateAll(item, variables)) as T;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, interpolateAll(item, variables)])) as T;
}
