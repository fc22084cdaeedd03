import type { NewRecord } from "@mooring/contracts";
import { UnstorableRecord } from "./ports.ts";

export interface StoredApart {
  /** The last offset that a part was told; undefined when nothing was stored. */
  readonly lastOffset: number | undefined;
  /** Why a record will never be stored, by its place. */
  readonly refused: ReadonlyMap<number, string>;
}

/**
 * Stores, in their order, all of these records but those that are refused for what they are, when together they were refused with `error`: halves
 * what was refused until the record is found, which takes about 2 log2(n) statements for one, and never more than 2n. Any other failure rejects;
 * what was stored by then stays.
 */
export async function storeApart(
  store: (records: readonly NewRecord[]) => Promise<number>,
  records: readonly NewRecord[],
  error: UnstorableRecord,
): Promise<StoredApart> {
  const refused = new Map<number, string>();
  let lastOffset: number | undefined;

  async function halve(from: number, to: number, reason: string): Promise<void> {
    if (to - from === 1) {
      refused.set(from, reason);
      return;
    }
    const middle = (from + to) >> 1;
    await attempt(from, middle);
    await attempt(middle, to);
  }

  async function attempt(from: number, to: number): Promise<void> {
    try {
      lastOffset = await store(records.slice(from, to));
    } catch (failure) {
      if (!(failure instanceof UnstorableRecord)) throw failure;
      await halve(from, to, failure.message);
    }
  }

  await halve(0, records.length, error.message);
  return { lastOffset, refused };
}
