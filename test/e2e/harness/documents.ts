import type { JsonObject, JsonValue } from "@mooring/contracts";
import type { TestDevice } from "./devices.ts";

/** The shadow as REST shows it. */
export interface ShadowDocument {
  readonly version: number;
  readonly desired: JsonObject;
  readonly reported: JsonObject;
  readonly delta: JsonObject;
  readonly metadata: { readonly desired: JsonObject; readonly reported: JsonObject };
  readonly timestamp: string;
}

export async function shadowOf({ platform, path }: Pick<TestDevice, "platform" | "path">): Promise<ShadowDocument> {
  return (await answerOf(platform.api(`${path}/shadow`))) as unknown as ShadowDocument;
}

/** Sets the desired state, as a back end does. */
export async function desire({ platform, path }: Pick<TestDevice, "platform" | "path">, desired: JsonObject): Promise<ShadowDocument> {
  return (await answerOf(platform.api(`${path}/shadow`, { method: "PATCH", body: { desired } }))) as unknown as ShadowDocument;
}

export interface HistoryPoint {
  readonly time: string;
  readonly value: JsonValue;
  readonly messageId: string;
}

/** The first page of a property's history, newest first. */
export async function historyOf({ platform, path }: TestDevice, property: string, query = ""): Promise<readonly HistoryPoint[]> {
  const body = await answerOf(platform.api(`${path}/properties/${property}/history${query}`));
  return (body as unknown as { points: readonly HistoryPoint[] }).points;
}

async function answerOf(asked: ReturnType<TestDevice["platform"]["api"]>): Promise<JsonValue | undefined> {
  const { status, body, text } = await asked;
  if (status !== 200) throw new Error(`${status}: ${text}`);
  return body;
}
