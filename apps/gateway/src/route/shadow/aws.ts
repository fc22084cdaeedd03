// AWS IoT's words for shadows (wire formats §3.1): times in seconds, its texts for what is wrong, and arrays timed by element.
import type { JsonObject, JsonValue, ShadowSnapshot } from "@mooring/contracts";
import type { ShadowDialect } from "./dialect.ts";
import { refusalOf } from "./refusal.ts";
import { inSeconds, secondsOf } from "./seconds.ts";

export const awsShadow: ShadowDialect = {
  missesEmpty: true,

  document({ desired, reported, delta, metadata, version, timestampMs }, { clientToken }) {
    return JSON.stringify({
      state: withoutEmpty({ desired, reported, delta }),
      metadata: metadataOf(metadata, withoutEmpty({ desired, reported })),
      version,
      timestamp: secondsOf(timestampMs),
      clientToken,
    });
  },

  rejected(error, request, nowMs) {
    return JSON.stringify({ ...refusalOf(error, request), timestamp: secondsOf(nowMs), clientToken: request.clientToken });
  },

  message({ state, metadata, previous, current, version, timestamp, clientToken }) {
    if (previous !== undefined || current !== undefined) {
      const [before, after] = [snapshotOf(previous), snapshotOf(current)];
      return JSON.stringify({ previous: before, current: after, timestamp: secondsOf(timestamp), clientToken });
    }
    const mirrored = state === undefined ? undefined : metadataOf(metadata, state);
    return JSON.stringify({ version, timestamp: secondsOf(timestamp), state, metadata: mirrored, clientToken });
  },
};

/** A section that holds nothing is not there. */
function withoutEmpty(sections: Readonly<Record<string, JsonObject>>): JsonObject {
  return Object.fromEntries(Object.entries(sections).filter(([, values]) => Object.keys(values).length > 0));
}

function metadataOf(metadata: JsonObject | undefined, state: JsonObject): JsonValue {
  return inSeconds(metadata, state, true) ?? {};
}

function snapshotOf(snapshot: ShadowSnapshot | undefined): JsonObject | undefined {
  if (snapshot === undefined) return undefined;
  const state = withoutEmpty(snapshot.state);
  return { state, metadata: metadataOf(snapshot.metadata, state), version: snapshot.version };
}
