// Questions of one kind, asked by many at once, as few statements: a fleet that reconnects asks thousands of times a second.

/** What one statement asks for at most: large enough to make its own cost small, small enough to be answered within milliseconds. */
export const batchMax = 256;
/** Statements under way at once. The next one takes along everybody who came meanwhile, so a storm makes batches larger and not more. */
const underWayMax = 2;

interface Waiting<T> {
  readonly resolve: (found: T | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Answers each key with what `ask` finds for it. Every answer was read after its question came: nothing is kept. When a statement fails, all who are
 * in it hear so. Who waits is bounded by who calls.
 */
export function gather<T>(ask: (keys: readonly string[]) => Promise<ReadonlyMap<string, T>>): (key: string) => Promise<T | undefined> {
  let waiting = new Map<string, Waiting<T>[]>();
  let underWay = 0;
  let isScheduled = false;

  const answer = async (batch: ReadonlyMap<string, readonly Waiting<T>[]>): Promise<void> => {
    try {
      const found = await ask([...batch.keys()]);
      for (const [key, askers] of batch) for (const { resolve } of askers) resolve(found.get(key));
    } catch (error) {
      for (const askers of batch.values()) for (const { reject } of askers) reject(error);
    }
  };
  const send = (): void => {
    isScheduled = false;
    while (waiting.size > 0 && underWay < underWayMax) {
      const all = [...waiting];
      const batch = new Map(all.slice(0, batchMax));
      waiting = new Map(all.slice(batchMax));
      underWay++;
      void answer(batch).finally(() => {
        underWay--;
        send();
      });
    }
  };
  return (key) =>
    new Promise((resolve, reject) => {
      const asker = { resolve, reject };
      const askers = waiting.get(key);
      if (askers === undefined) waiting.set(key, [asker]);
      else askers.push(asker);
      if (isScheduled || underWay >= underWayMax) return;
      isScheduled = true;
      // Whoever asks in the same turn goes along.
      setImmediate(send);
    });
}
