// What a device says of its properties to the shadow itself, as the record of the log that history and subscribers have of it.
import { type DeviceRef, isJsonObject, type JsonValue, type NewRecord, type PropertiesBody } from "@mooring/contracts";
import { createEventId, steadyClock } from "@mooring/kit";
import type { Accepted, Change } from "./change.ts";

/** What only the device's own change has. */
export interface Said {
  readonly device: DeviceRef;
  /** Times that the device gave with values, by member. */
  readonly timesMs?: Readonly<Record<string, number>>;
  /** What the model does not allow, where the product flags it. */
  readonly invalid?: JsonValue;
}

/**
 * The record of an accepted change, or undefined when it says nothing of properties: named shadows are no properties, and a member that is taken away
 * has no value. A member of which a part was said is told as a whole, as it is now: that is the property's value.
 */
export function reportOf({ change, accepted, atMs }: { readonly change: Change; readonly accepted: Accepted; readonly atMs: number }) {
  const { said, key } = change;
  const { reported } = accepted.edit.patch;
  if (said === undefined || key.name !== "" || !isJsonObject(reported)) return undefined;
  const receivedAtMs = Math.min(change.directAtMs ?? atMs, atMs);
  const properties: Record<string, { value: JsonValue; time: number }> = {};
  for (const name of Object.keys(reported)) {
    const value = Object.hasOwn(accepted.after.reported, name) ? accepted.after.reported[name] : undefined;
    if (value !== undefined) properties[name] = { value, time: timeOf(said, name) ?? receivedAtMs };
  }
  if (Object.keys(properties).length === 0) return undefined;
  const body: PropertiesBody = { properties, ...(said.invalid === undefined ? {} : { invalid: said.invalid }), source: "shadow" };
  const messageId = createEventId(steadyClock.now());
  return { messageId, device: said.device, kind: "properties", receivedAtMs, body: JSON.stringify(body) } satisfies NewRecord;
}

function timeOf({ timesMs }: Said, name: string): number | undefined {
  return timesMs !== undefined && Object.hasOwn(timesMs, name) ? timesMs[name] : undefined;
}
