import type { JsonValue, LogRecord } from "@mooring/contracts";
import type { TestDevice } from "./devices.ts";
import { publish } from "./mosquitto.ts";

/** A property report in its envelope. */
export function report(params: Readonly<Record<string, JsonValue>>, more: object = {}): string {
  return JSON.stringify({ id: "1", version: "1.0", params, method: "thing.event.property.post", ...more });
}

/** Reports a temperature with mosquitto_pub; resolves when it is acknowledged, throws when it is not. */
export async function post(device: TestDevice, Temperature: number): Promise<void> {
  const { code, stderr } = await publish(device, device.topic("propertyPost"), report({ Temperature }));
  if (code !== 0) throw new Error(`mosquitto_pub ended with ${code}: ${stderr}`);
}

/** The temperature in a record of such a report. */
export function temperatureOf(record: LogRecord): JsonValue {
  return (JSON.parse(record.body) as { properties: { Temperature: { value: JsonValue } } }).properties.Temperature.value;
}
