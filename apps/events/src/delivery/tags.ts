// The tags that devices have now, for filters: asked once per device and forgotten when the feed of changes names it.
import { type DeviceChange, serviceCaller } from "@mooring/contracts";
import { type Log, pause, type Running, startLoop } from "@mooring/kit";
import { Signal } from "../signal.ts";
import { gone, type TagSource, type Tags } from "./filter.ts";
import type { TagDirectory } from "./ports.ts";

export interface TagCache extends TagSource {
  /** Asks for the tags of devices that are not known. What a change outdates meanwhile stays unknown: it is to be asked for again. */
  load(deviceIds: readonly string[]): Promise<void>;
  /** Asks for the tags of devices as they are at this moment; remembers nothing. */
  ask(deviceIds: readonly string[]): Promise<TagSource>;
  /** Follows the feed of changes, as long as anybody needs tags. */
  start(): Running;
}

export interface TagCacheDeps {
  readonly devices: TagDirectory;
  /** Whether there is any subscription that filters by tags. */
  readonly isNeeded: () => boolean;
  readonly log: Log;
  /** How many devices are remembered; 100,000 unless said otherwise: some 30 MB. */
  readonly devicesMax?: number;
  readonly waitMs?: number;
}

const devicesMaxDefault = 100_000;
/** As many as may be asked for at once. */
const batchMax = 1_000;
const retryMs = 500;
/** Without the feed for so long, nothing that is remembered is believed any more. */
const blindMsMax = 5_000;
const unneededMs = 1_000;

export function createTagCache(deps: TagCacheDeps): TagCache {
  const devicesMax = deps.devicesMax ?? devicesMaxDefault;
  const cache = new Map<string, Tags | typeof gone>();
  /** Answers that are awaited; one that is taken out may not be remembered. */
  const loading = new Map<string, symbol>();
  const needed = new Signal();
  let position: number | undefined;
  let heardAt = performance.now();
  const caller = serviceCaller("events");

  const forgetAll = (): void => {
    cache.clear();
    loading.clear();
  };
  const apply = (changes: readonly DeviceChange[]): void => {
    for (const { deviceId } of changes) {
      if (deviceId === undefined) continue;
      cache.delete(deviceId);
      loading.delete(deviceId);
    }
  };
  const remember = (deviceId: string, tags: Tags | typeof gone): void => {
    if (cache.size >= devicesMax) {
      const oldest = cache.keys().next();
      if (oldest.done !== true) cache.delete(oldest.value);
    }
    cache.set(deviceId, tags);
  };
  const find = async (deviceIds: readonly string[]): Promise<ReadonlyMap<string, Tags>> => {
    const { devices } = await deps.devices.findTags(caller, { deviceIds });
    return new Map(devices.map(({ deviceId, tags }) => [deviceId, tags]));
  };
  const loadBatch = async (deviceIds: readonly string[]): Promise<void> => {
    const token = Symbol();
    for (const deviceId of deviceIds) loading.set(deviceId, token);
    try {
      const found = await find(deviceIds);
      for (const deviceId of deviceIds) if (loading.get(deviceId) === token) remember(deviceId, found.get(deviceId) ?? gone);
    } finally {
      for (const deviceId of deviceIds) if (loading.get(deviceId) === token) loading.delete(deviceId);
    }
  };

  const follow = async (signal: AbortSignal): Promise<void> => {
    if (!deps.isNeeded()) {
      forgetAll();
      position = undefined;
      return needed.wait(unneededMs, signal);
    }
    try {
      const request = position === undefined ? {} : { after: position, waitMs: deps.waitMs ?? 1_000 };
      const answer = await unlessAborted(deps.devices.listChanges(caller, request), signal);
      if (answer === undefined) return;
      const { changes, next } = answer;
      // Nothing changed and yet another place: the feed does not reach from there to here. The first answer is such a one.
      const isBroken = changes.length === 0 && next !== position;
      if (isBroken || performance.now() - heardAt > blindMsMax) forgetAll();
      else apply(changes);
      heardAt = performance.now();
      position = next;
    } catch (error) {
      if (signal.aborted) return;
      if (performance.now() - heardAt > blindMsMax) forgetAll();
      deps.log.warn({ err: error }, "the feed of changes cannot be read; tags are asked for again");
      await pause(retryMs, signal);
    }
  };

  return {
    known: (deviceId) => cache.get(deviceId),
    async load(deviceIds) {
      const missing = [...new Set(deviceIds)].filter((deviceId) => !cache.has(deviceId));
      if (position === undefined) needed.notify();
      for (let from = 0; from < missing.length; from += batchMax) await loadBatch(missing.slice(from, from + batchMax));
    },
    async ask(deviceIds) {
      const found = new Map<string, Tags>();
      const asked = [...new Set(deviceIds)];
      for (let from = 0; from < asked.length; from += batchMax) {
        for (const [deviceId, tags] of await find(asked.slice(from, from + batchMax))) found.set(deviceId, tags);
      }
      return { known: (deviceId) => found.get(deviceId) ?? gone };
    },
    start: () => startLoop(follow, { retryMs, onError: (error) => deps.log.error({ err: error }, "following changes failed") }),
  };
}

/** The promise's outcome, or undefined as soon as the signal aborts: nobody waits for a feed that waits. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const give = (): void => resolve(undefined);
    signal.addEventListener("abort", give, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", give));
  });
}
