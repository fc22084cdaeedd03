// One lane per device: what it is told of its shadows leaves in the order of versions, one batch at a time.
//
//   changes, open deltas -> [ entries, deltas ] -> deliverAll to each gateway node that has a connection of the device
//
// Nothing is kept for a device that is away, and a message that fails is not lost for good: the delta is computed again when the device listens.
import { type Downlink, PlatformError, serviceCaller } from "@mooring/contracts";
import { type Log, withTimeout } from "@mooring/kit";
import type { Accepted, Change } from "./change.ts";
import type { ShadowDocument } from "./document.ts";
import { acceptedMessage, deltaMessage, documentsMessage } from "./messages.ts";
import type { Gateways, ShadowKey, ShadowStore } from "./ports.ts";

/** Changes that wait in one lane and nobody waits for. A device that is slower than its changes still gets the newest delta. */
const laneEntriesMax = 100;
/** In one lane with those that somebody waits for: more than devices of one connection can send while it takes 2 s. */
const laneWaitingMax = 1_000;
/** Over all lanes. */
const entriesMax = 10_000;
const lanesMax = 50_000;
/** Open deltas asked for in one lane: more than a device has shadows. */
const readyMax = 100;
const batchEntriesMax = 32;
/** Of one request to a gateway: gRPC takes 4 MiB. */
const requestBytesMax = 1024 * 1024;
/** For one request to a gateway; a node that takes longer costs its devices only. */
const deliverMsMax = 5_000;

interface Entry {
  readonly change: Change;
  readonly accepted: Accepted;
  /** Of those that somebody waits for. */
  readonly told: PromiseWithResolvers<void> | undefined;
  /** The device hears of it after this. */
  readonly logged: Promise<void> | undefined;
  /** It was made before: only who made it is told. */
  readonly isAgain?: boolean;
}

interface Ready {
  readonly key: ShadowKey;
  readonly told: PromiseWithResolvers<void>;
}

interface Lane {
  entries: Entry[];
  /** By name: the newest document of changes that were dropped, for its delta. */
  readonly orphans: Map<string, ShadowDocument>;
  readonly ready: Map<string, Ready>;
  /** By name: the version of the last delta sent. A device never sees an older one after it. */
  readonly sent: Map<string, number>;
}

export interface LanesDeps {
  readonly store: Pick<ShadowStore, "load">;
  readonly gateways: Gateways;
  readonly log: Log;
}

export class Lanes {
  readonly #deps: LanesDeps;
  readonly #self = serviceCaller("shadow");
  readonly #lanes = new Map<string, Lane>();
  #entries = 0;
  droppedChanges = 0;

  constructor(deps: LanesDeps) {
    this.#deps = deps;
  }

  get waitingChanges(): number {
    return this.#entries;
  }

  /** Tells the device of a change. When it made the change itself, returns when that was done, or failed: it never rejects. */
  announce(change: Change, accepted: Accepted, logged?: Promise<void>): Promise<void> | undefined {
    return this.#add(change.key.deviceId, { change, accepted, logged });
  }

  /** Tells the device that the change it made again was made. To others nothing has happened. */
  announceAgain(change: Change, after: ShadowDocument): Promise<void> | undefined {
    if (change.byDevice !== true) return undefined;
    return this.#add(change.key.deviceId, {
      change,
      accepted: { before: after, after, edit: change.edit },
      logged: undefined,
      isAgain: true,
    });
  }

  #add(deviceId: string, entry: Omit<Entry, "told">): Promise<void> | undefined {
    const lane = this.#open(deviceId);
    if (lane === undefined) {
      this.droppedChanges++;
      return undefined;
    }
    const told = entry.change.byDevice ? Promise.withResolvers<void>() : undefined;
    lane.entries.push({ ...entry, told });
    this.#entries++;
    this.#limit(lane);
    return told?.promise;
  }

  /** Sends the open delta, as the shadow is then. Resolves when that was done, or failed. */
  async ready(key: ShadowKey): Promise<void> {
    const lane = this.#open(key.deviceId);
    const there = lane?.ready.get(key.name);
    if (there !== undefined) return there.told.promise;
    if (lane === undefined || lane.ready.size >= readyMax) {
      throw new PlatformError("unavailable", "too many deltas are asked for; try again later");
    }
    const told = Promise.withResolvers<void>();
    lane.ready.set(key.name, { key, told });
    await told.promise;
  }

  /** The device's lane, which runs as long as there is something in it. Undefined when there are too many. */
  #open(deviceId: string): Lane | undefined {
    const there = this.#lanes.get(deviceId);
    if (there !== undefined || this.#lanes.size >= lanesMax) return there;
    const lane: Lane = { entries: [], orphans: new Map(), ready: new Map(), sent: new Map() };
    this.#lanes.set(deviceId, lane);
    void this.#run(deviceId, lane);
    return lane;
  }

  /** Drops the oldest change that nobody waits for, or any at the last limit. Its delta is kept unless a newer one is here. */
  #limit(lane: Lane): void {
    if (lane.entries.length <= laneEntriesMax && this.#entries <= entriesMax) return;
    const free = lane.entries.findIndex(({ told }) => told === undefined);
    if (free < 0 && lane.entries.length <= laneWaitingMax && this.#entries <= 2 * entriesMax) return;
    const [dropped] = lane.entries.splice(Math.max(0, free), 1);
    if (dropped === undefined) return;
    this.#entries--;
    this.droppedChanges++;
    dropped.told?.resolve();
    if (dropped.isAgain) return;
    const { name } = dropped.change.key;
    const { after } = dropped.accepted;
    if (after.version > (lane.orphans.get(name)?.version ?? 0)) lane.orphans.set(name, after);
  }

  async #run(deviceId: string, lane: Lane): Promise<void> {
    // What is asked for in one turn leaves together.
    await Promise.resolve();
    while (lane.entries.length > 0 || lane.ready.size > 0 || lane.orphans.size > 0) {
      const entries = lane.entries.splice(0, batchEntriesMax);
      this.#entries -= entries.length;
      const ready = [...lane.ready.values()];
      lane.ready.clear();
      // Who hears of a change may say something at once, which is to be later in the log.
      for (const { logged } of entries) await logged;
      try {
        await this.#send(deviceId, lane, { entries, ready });
      } catch (error) {
        this.#deps.log.warn({ err: error, deviceId }, "a device could not be told of its shadow; it gets the delta when it listens again");
      }
      for (const { told } of [...entries, ...ready]) told?.resolve();
    }
    this.#lanes.delete(deviceId);
  }

  async #send(
    deviceId: string,
    lane: Lane,
    batch: { readonly entries: readonly Entry[]; readonly ready: readonly Ready[] },
  ): Promise<void> {
    const orphans = [...lane.orphans];
    lane.orphans.clear();
    const nodes = await this.#deps.gateways.find(deviceId);
    if (nodes.length === 0) return;
    const downlinks = entriesToDownlinks(batch.entries, lane);
    for (const [name, document] of orphans) addDelta(downlinks, lane, { name, document });
    await this.#deliver(nodes, deviceId, downlinks);
    const open: Downlink[] = [];
    for (const { key } of batch.ready) addDelta(open, lane, { name: key.name, document: await this.#deps.store.load(key) });
    await this.#deliver(nodes, deviceId, open);
  }

  async #deliver(nodes: readonly Node[], deviceId: string, downlinks: readonly Downlink[]): Promise<void> {
    for (const request of cut(downlinks)) {
      const deliveries = nodes.map((node) => {
        const delivery = node.deliverAll(this.#self, { deviceId, downlinks: request });
        return withTimeout(delivery, deliverMsMax, "the gateway took too long");
      });
      for (const result of await Promise.allSettled(deliveries)) {
        if (result.status === "rejected")
          this.#deps.log.warn({ err: result.reason, deviceId }, "a gateway did not take messages of a shadow");
      }
    }
  }
}

type Node = Awaited<ReturnType<Gateways["find"]>>[number];

/** Each change's messages, and after the newest change of each shadow its delta: an older one says nothing that counts any more. */
function entriesToDownlinks(entries: readonly Entry[], lane: Lane): Downlink[] {
  const downlinks: Downlink[] = [];
  const newest = new Map(entries.filter(({ isAgain }) => !isAgain).map((entry) => [entry.change.key.name, entry]));
  for (const entry of entries) {
    const { change, accepted } = entry;
    const { name } = change.key;
    const answer = acceptedMessage(change, accepted);
    if (entry.isAgain) {
      const { version: _, ...again } = answer;
      downlinks.push(again);
      continue;
    }
    downlinks.push(answer, documentsMessage(change, accepted));
    if (newest.get(name) === entry) addDelta(downlinks, lane, { name, document: accepted.after, clientToken: change.clientToken });
  }
  return downlinks;
}

interface Delta {
  readonly name: string;
  readonly document: ShadowDocument;
  readonly clientToken?: string | undefined;
}

function addDelta(downlinks: Downlink[], lane: Lane, { name, document, clientToken }: Delta): void {
  if (document.version < (lane.sent.get(name) ?? 0)) return;
  lane.sent.set(name, document.version);
  const message = deltaMessage(name, document, clientToken);
  if (message !== undefined) downlinks.push(message);
}

/** In requests that a gateway takes. */
function cut(downlinks: readonly Downlink[]): readonly (readonly Downlink[])[] {
  const requests: Downlink[][] = [];
  let bytes = requestBytesMax + 1;
  for (const downlink of downlinks) {
    bytes += downlink.payload.length;
    if (bytes > requestBytesMax) {
      requests.push([]);
      bytes = downlink.payload.length;
    }
    requests.at(-1)?.push(downlink);
  }
  return requests;
}
