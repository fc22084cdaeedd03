// Times of shadows in the dialects that count seconds.
import { isJsonObject, type JsonValue } from "@mooring/contracts";

export function secondsOf(timeMs: number): number {
  return Math.floor(timeMs / 1_000);
}

/**
 * Metadata with its times in seconds. `state` is what it belongs to: it tells a leaf's `{timestamp}` from an object with a member of that
 * name. An array is one leaf here; with `perElement` each of its elements gets the array's time, as AWS has it.
 */
export function inSeconds(metadata: JsonValue | undefined, state: JsonValue | undefined, perElement: boolean): JsonValue | undefined {
  if (state === null || state === undefined || !isJsonObject(metadata)) return undefined;
  if (!isJsonObject(state)) {
    const timeMs = metadata["timestamp"];
    if (typeof timeMs !== "number") return undefined;
    const leaf = { timestamp: secondsOf(timeMs) };
    return perElement ? spread(state, leaf) : leaf;
  }
  const part: Record<string, JsonValue> = {};
  for (const name of Object.keys(state)) {
    const inner = inSeconds(Object.hasOwn(metadata, name) ? metadata[name] : undefined, state[name], perElement);
    if (inner !== undefined) part[name] = inner;
  }
  return part;
}

/** One leaf for each value inside of an array, in the array's shape. */
function spread(value: JsonValue, leaf: { readonly timestamp: number }): JsonValue {
  if (isJsonObject(value)) return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, spread(inner, leaf)]));
  return Array.isArray(value) ? value.map((inner: JsonValue) => spread(inner, leaf)) : leaf;
}
