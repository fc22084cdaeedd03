// Hot: what devices were told of their shadows last, so that what comes late is not told any more.
//
// The shadow service sends a device's messages one request after the other, but it gives a request up after some seconds, and then the next may be
// here first; and while one process of it takes over from another, both send. Whatever the way, a device hears of one shadow
//
//   accepted 5, documents 5, accepted 7, documents 7, delta 7      (versions of changes, never back; each message once)
//
// and a delta only if it is of the newest version that was told, or newer. It may come again: a device asks for the open one by subscribing.
import type { Clock } from "@mooring/kit";

/** Longer than any request lives (10 s); also how long a database that was set back to an earlier time keeps a connected device from hearing. */
const keptMs = 60_000;
/** Of each half. About 200 bytes each, so 20 MB at the most; beyond it the older half is forgotten early. */
const shadowsMax = 50_000;

export type ToldKind = "shadowAccepted" | "shadowDeleted" | "shadowDocuments" | "shadowDelta";

/** Of one shadow. */
class Told {
  /** The version of the last accepted, deleted or documents, and whether documents was among it. Versions go up to 2^53: no arithmetic on them. */
  change = -1;
  isDocuments = false;
  delta = -1;
}

export class ToldShadows {
  readonly #clock: Clock;
  /** What was told in this time, and in the one before: forgotten by halves, so that no entry needs a timer. */
  #young = new Map<string, Told>();
  #old = new Map<string, Told>();
  #sinceMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sinceMs = clock.now();
  }

  /** Whether this may be told now; it is taken for told then. */
  take(deviceId: string, shadowName: string, kind: ToldKind, version: number): boolean {
    const told = this.#find(shadowName === "" ? deviceId : `${deviceId}/${shadowName}`);
    if (kind === "shadowDelta") {
      if (version < told.delta || version < told.change) return false;
      told.delta = version;
      return true;
    }
    const isDocuments = kind === "shadowDocuments";
    if (version < told.change || (version === told.change && (told.isDocuments || !isDocuments))) return false;
    told.change = version;
    told.isDocuments = isDocuments;
    return true;
  }

  #find(key: string): Told {
    const nowMs = this.#clock.now();
    const ageMs = nowMs - this.#sinceMs;
    if (ageMs >= keptMs || ageMs < 0 || this.#young.size >= shadowsMax) {
      // Nothing was told for twice as long: the younger half is too old as well.
      this.#old = ageMs >= 2 * keptMs ? new Map() : this.#young;
      this.#young = new Map();
      this.#sinceMs = nowMs;
    }
    let told = this.#young.get(key);
    if (told !== undefined) return told;
    told = this.#old.get(key) ?? new Told();
    this.#young.set(key, told);
    return told;
  }
}
