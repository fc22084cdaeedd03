import type { Delivery } from "@mooring/contracts";
import { recordBytes } from "./body.ts";

/** A record that waits to be sent or is being sent. */
export interface Held {
  readonly record: Delivery;
  /** How often it failed for a reason of its own. */
  tries: number;
  /** How often the endpoint answered to it alone that it failed, with nothing to tell whether that is the record's doing. */
  aloneTries: number;
  /** Of a batch that it may be in: halved when one failed, so that one record that cannot be handled does not take others with it. */
  room: number;
}

/** It was in a batch that failed, perhaps because of it. */
export const isSuspect = ({ tries, room }: Held): boolean => tries > 0 || room !== Number.POSITIVE_INFINITY;

interface Lane {
  queue: Held[];
  /** Some of its records are in a batch: the others wait, so that the device's order is kept. */
  busy: boolean;
}

export interface BatchBounds {
  readonly records: number;
  readonly bytes: number;
}

/** The records that one subscription has here, a lane for each device. Without I/O. */
export class Lanes {
  /** Those with something in them, whoever was served last at the end. */
  readonly #lanes = new Map<string, Lane>();
  /** All that is here, in batches too. */
  readonly #records = new Map<number, Held>();

  offsets(): number[] {
    return [...this.#records.keys()];
  }

  add(record: Delivery): void {
    const lane = this.#laneOf(record);
    // It was taken back, and everything of the device after it: it comes once more, from here on.
    if (this.#records.has(record.offset)) lane.queue = lane.queue.filter((held) => this.#keep(held, record.offset));
    const held = { record, tries: 0, aloneTries: 0, room: Number.POSITIVE_INFINITY };
    lane.queue.push(held);
    this.#records.set(record.offset, held);
  }

  /**
   * The next batch, of devices of which none is under way; their lanes are busy until `free`. Empty when there is none. `accepts` is asked of what a
   * device has first.
   */
  take(bounds: BatchBounds, accepts: (first: Held) => boolean = () => true): Held[] {
    const batch: Held[] = [];
    let bytes = 0;
    let room = bounds.records;
    const fits = (held: Held): boolean => {
      room = Math.min(room, held.room);
      return batch.length === 0 || (batch.length < room && bytes + recordBytes(held.record) <= bounds.bytes);
    };
    for (const [device, lane] of [...this.#lanes]) {
      const [first] = lane.queue;
      if (lane.busy || first === undefined || !accepts(first)) continue;
      let count = 0;
      for (const held of lane.queue) {
        if (!fits(held)) break;
        batch.push(held);
        bytes += recordBytes(held.record);
        count++;
      }
      if (count === 0) break;
      lane.queue.splice(0, count);
      lane.busy = true;
      this.#lanes.delete(device);
      this.#lanes.set(device, lane);
    }
    return batch;
  }

  /** These are done, one way or the other. */
  remove(batch: readonly Held[]): void {
    for (const held of batch) if (this.#isHere(held)) this.#records.delete(held.record.offset);
  }

  /** They were in a batch and have to wait once more, before everything else of their devices; but for those that came anew meanwhile. */
  putBack(rest: readonly Held[]): void {
    for (const held of rest.toReversed()) if (this.#isHere(held)) this.#laneOf(held.record).queue.unshift(held);
  }

  #isHere(held: Held): boolean {
    return this.#records.get(held.record.offset) === held;
  }

  /** No batch holds these devices any more. */
  free(devices: Iterable<string>): void {
    for (const device of devices) {
      const lane = this.#lanes.get(device);
      if (lane === undefined) continue;
      lane.busy = false;
      if (lane.queue.length === 0) this.#lanes.delete(device);
    }
  }

  #laneOf({ device }: Delivery): Lane {
    let lane = this.#lanes.get(device.deviceId);
    if (lane === undefined) {
      lane = { queue: [], busy: false };
      this.#lanes.set(device.deviceId, lane);
    }
    return lane;
  }

  #keep({ record }: Held, fromOffset: number): boolean {
    if (record.offset < fromOffset) return true;
    this.#records.delete(record.offset);
    return false;
  }
}
