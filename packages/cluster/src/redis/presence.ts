import assert from "node:assert/strict";
import { PlatformError } from "@mooring/contracts";
import type { Redis } from "ioredis";
import { connectionsPerDeviceMax, type Evicted, evictedMax, type Presence, type PresenceEntry } from "../presence.ts";
import { runScript } from "./connection.ts";
import { claimScript, evictScript, findScript, releaseScript, restoreScript } from "./presence-scripts.ts";

/** Entries one script puts back: Redis serves nobody else meanwhile, and 500 take it a few milliseconds. */
const restoredPerStep = 500;

export interface RedisPresenceDeps {
  readonly client: Redis;
  readonly prefix: string;
}

export function createRedisPresence({ client, prefix }: RedisPresenceDeps): Presence {
  return {
    async claim({ deviceId, clientId, nodeId }) {
      const answer = asArray(await runScript(client, claimScript, [prefix, deviceId, clientId, nodeId, connectionsPerDeviceMax]));
      if (answer.length === 0) throw new PlatformError("quotaExceeded", `the device has ${connectionsPerDeviceMax} connections already`);
      const [epoch, replaced, liveBefore] = answer;
      return {
        epoch: Number(epoch),
        replaced: typeof replaced === "string" ? parseEntry(deviceId, clientId, replaced) : undefined,
        first: liveBefore === 0,
      };
    },
    async release({ deviceId, clientId, epoch }) {
      const [released, live] = asArray(await runScript(client, releaseScript, [prefix, deviceId, clientId, epoch]));
      return { released: released === 1, last: live === 0 };
    },
    async find(deviceId) {
      const answer = asArray(await runScript(client, findScript, [prefix, deviceId]));
      const entries: PresenceEntry[] = [];
      for (let at = 0; at < answer.length; at += 2) entries.push(parseEntry(deviceId, String(answer[at]), String(answer[at + 1])));
      return entries.sort((a, b) => b.epoch - a.epoch);
    },
    async restore(entries) {
      const superseded: PresenceEntry[] = [];
      for (let start = 0; start < entries.length; start += restoredPerStep) {
        const step = entries.slice(start, start + restoredPerStep);
        const args = step.flatMap((entry) => [entry.deviceId, entry.clientId, entry.epoch, entry.nodeId]);
        const positions = new Set(asArray(await runScript(client, restoreScript, [prefix, ...args])));
        superseded.push(...step.filter((_, position) => positions.has(position)));
      }
      return superseded;
    },
    async evict() {
      const answer = asArray(await runScript(client, evictScript, [prefix, evictedMax]));
      const evicted: Evicted[] = [];
      for (let at = 0; at < answer.length; at += 4) {
        const [deviceId, clientId, value, live] = answer.slice(at, at + 4);
        evicted.push({ entry: parseEntry(String(deviceId), String(clientId), String(value)), last: live === 0 });
      }
      return evicted;
    },
  };
}

function parseEntry(deviceId: string, clientId: string, value: string): PresenceEntry {
  const colon = value.indexOf(":");
  assert(colon > 0, "a stored presence entry is <epoch>:<nodeId>");
  return { deviceId, clientId, nodeId: value.slice(colon + 1), epoch: Number(value.slice(0, colon)) };
}

function asArray(answer: unknown): readonly unknown[] {
  assert(Array.isArray(answer), "a presence script answers with a list");
  return answer;
}
