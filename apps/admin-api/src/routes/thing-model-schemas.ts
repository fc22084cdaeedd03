import type { ModelFinding, ThingModelVersion } from "@mooring/contracts";
import { z } from "zod";
import { modelName, modelPin, modelVersion, time, toTime } from "./schemas.ts";

/** Schemas of everything about thing models. SDF in JSON is RFC 9880 §7.1. */
export const sdfContentType = "application/sdf+json";
export const contentTypes = [sdfContentType, "application/json"];
export const tags = ["thing models"];
export const sdfDocument = { type: "object", description: "An SDF document (RFC 9880), at most 1 MiB." };

export const modelPath = z.strictObject({ name: modelName, version: modelVersion });
export const modelRangePath = z.strictObject({ name: modelName, version: modelPin });

export const modelAnswer = z.object({
  name: z.string(),
  version: z.string(),
  contentHash: z.string().describe("Models with equal hashes validate alike. Empty for a draft with errors."),
  publishedAt: time,
  state: z.string().describe("draft, published, deprecated or retired."),
  replacement: z.string().optional().describe("The version to use instead."),
  retireAt: time.optional().describe("When it is retired by itself."),
});

export const finding = z.object({ severity: z.string(), pointer: z.string(), message: z.string() });

export const change = z.object({
  pointer: z.string(),
  member: z.string(),
  kind: z.string().describe("added, removed, narrower, wider or different."),
  directions: z.array(z.string()).readonly().describe("sent and received, seen from the device."),
  isCompatible: z.boolean(),
  message: z.string(),
});

export function toAnswer(model: ThingModelVersion): z.output<typeof modelAnswer> {
  const { name, version, contentHash, publishedAtMs, state, replacement, retireAtMs } = model;
  return {
    ...{ name, version, contentHash, publishedAt: toTime(publishedAtMs), state },
    ...(replacement === undefined ? {} : { replacement }),
    ...(retireAtMs === undefined ? {} : { retireAt: toTime(retireAtMs) }),
  };
}

export function toFindings(findings: readonly ModelFinding[]): z.output<typeof finding>[] {
  return findings.map(({ severity, pointer, message }) => ({ severity, pointer, message }));
}
