// The same again and again, so many at once, for a time.

export interface Repeated {
  readonly name: string;
  readonly perS: number;
  /** Of this process; Postgres is another. */
  readonly cpuUs: number;
}

/** `work` is given a count from 0. The first that fails ends it. */
export async function repeat(
  name: string,
  { forMs, concurrency }: { readonly forMs: number; readonly concurrency: number },
  work: (index: number) => Promise<unknown>,
): Promise<Repeated> {
  const startMs = performance.now();
  const cpuBefore = process.cpuUsage();
  let [begun, done] = [0, 0];
  const lane = async (): Promise<void> => {
    while (performance.now() - startMs < forMs) {
      await work(begun++);
      done++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, lane));
  const { user, system } = process.cpuUsage(cpuBefore);
  return { name, perS: Math.round((done * 1_000) / (performance.now() - startMs)), cpuUs: Math.round((user + system) / done) };
}
