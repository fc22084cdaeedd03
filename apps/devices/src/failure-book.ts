// Refused sign-ons on their way to the operator: counted by device, reason and place, written once a second. Best effort: what is over the limit
// is dropped, and nobody waits for it who signs on.
import type { DeviceAddress, SignOnOrigin } from "@mooring/contracts";
import { type Clock, type Log, pause, type Running, startLoop } from "@mooring/kit";
import type { CountedFailure, FailureStore } from "./ports.ts";

export interface FailureBookDeps {
  readonly store: FailureStore;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Failure extends DeviceAddress, SignOnOrigin {
  readonly reason: string;
  /** In place of the names, which are empty then. */
  readonly fingerprint?: string;
  /** Who tried held a credential of the device. */
  readonly proven?: boolean;
  readonly heldOffUntilMs?: number;
  /** 1 and now unless said otherwise. */
  readonly count?: number;
  readonly atMs?: number;
}

export interface FailureBook {
  add(failure: Failure): void;
  /** Writes what there is. */
  flush(): Promise<void>;
  start(): Running;
}

/** Different ones between two writes, of what was proved and of what anybody may claim: strangers do not use up the room of the others. */
const waitingMax = 5_000;
const everyMs = 1_000;
const textMax = 64;

export function createFailureBook({ store, clock, log }: FailureBookDeps): FailureBook {
  let [proved, claimed] = [new Map<string, CountedFailure>(), new Map<string, CountedFailure>()];

  async function flush(): Promise<void> {
    if (proved.size + claimed.size === 0) return;
    const failures = [...proved.values(), ...claimed.values()];
    [proved, claimed] = [new Map(), new Map()];
    await store.add(failures);
  }

  return {
    add({ productKey, deviceName, fingerprint = "", reason, protocol, address, heldOffUntilMs, ...rest }) {
      const { count = 1, atMs = clock.now(), proven = fingerprint !== "" } = rest;
      const waiting = proven ? proved : claimed;
      const where = { protocol: storable(protocol), address: storable(address) };
      const key = [productKey, deviceName, fingerprint, reason, where.protocol, where.address].join("\n");
      const known = waiting.get(key);
      if (known === undefined && waiting.size >= waitingMax) return;
      const about = { productKey, deviceName, fingerprint, proven, reason, ...where };
      const fresh = { ...about, count, firstAtMs: atMs, lastAtMs: atMs, heldOffUntilMs };
      waiting.set(key, known === undefined ? fresh : together(known, fresh));
    },
    flush,
    start() {
      const step = async (signal: AbortSignal): Promise<void> => {
        await pause(everyMs, signal);
        await flush();
      };
      const loop = startLoop(step, { retryMs: everyMs, onError: (error) => log.debug({ err: error }, "failures could not be written") });
      return {
        stop: async () => {
          await loop.stop();
          await flush().catch(() => undefined);
        },
      };
    },
  };
}

function together(before: CountedFailure, after: CountedFailure): CountedFailure {
  const heldOffUntilMs = Math.max(before.heldOffUntilMs ?? 0, after.heldOffUntilMs ?? 0);
  return {
    ...before,
    count: before.count + after.count,
    lastAtMs: Math.max(before.lastAtMs, after.lastAtMs),
    ...(heldOffUntilMs > 0 && { heldOffUntilMs }),
  };
}

/** Postgres stores no U+0000, and half a surrogate pair is no text. */
function storable(text: string): string {
  return text.slice(0, textMax).toWellFormed().replaceAll("\u0000", "\ufffd");
}
