import { type FieldIssue, invalidField, PlatformError, type Refusal, uuidPattern } from "@mooring/contracts";

export const refusalsMax = 500;
/** Longer texts are cut: whoever looks wants the reason, not the message. */
const textMax = { protocol: 32, topic: 512, code: 64, reason: 1_024 } as const;
/** The end of year 9999. */
const timeMsMax = 253_402_300_799_999;

/** Refusals as they may be stored. Throws invalidArgument for too many, and for what cannot be a refusal of ours. */
export function parseRefusals(refusals: readonly Refusal[]): readonly Refusal[] {
  if (refusals.length > refusalsMax) throw invalidField("/refusals", `at most ${refusalsMax} at once, not ${refusals.length}`);
  const issues = refusals.flatMap(issuesOf);
  if (issues.length > 0) throw new PlatformError("invalidArgument", `${issues[0]?.pointer}: ${issues[0]?.message}`, { issues });
  return refusals.map(({ device, atMs, protocol, topic, code, reason }) => ({
    device,
    atMs,
    protocol: storable(protocol, textMax.protocol),
    topic: storable(topic, textMax.topic),
    code: storable(code, textMax.code),
    reason: storable(reason, textMax.reason),
  }));
}

function issuesOf({ device, atMs }: Refusal, at: number): readonly FieldIssue[] {
  const issues: FieldIssue[] = [];
  if (device === undefined || !uuidPattern.test(device.deviceId) || !uuidPattern.test(device.tenantId)) {
    issues.push({ pointer: `/refusals/${at}/device`, message: "must name a device by its ids" });
  }
  if (!Number.isInteger(atMs) || atMs < 0 || atMs > timeMsMax) issues.push({ pointer: `/refusals/${at}/atMs`, message: "must be a time" });
  return issues;
}

/** Postgres stores no U+0000, and half a surrogate pair is no text. */
function storable(text: string, max: number): string {
  const cut = text.length > max ? `${text.slice(0, max - 1)}…` : text;
  return cut.toWellFormed().replaceAll("\u0000", "\ufffd");
}
