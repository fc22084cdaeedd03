/** At most so many works at a time; others wait in the order in which they came. */
export function createRoom(max: number): { run(work: () => Promise<void>): void } {
  const waiting: (() => Promise<void>)[] = [];
  let running = 0;
  const next = (): void => {
    while (running < max) {
      const work = waiting.shift();
      if (work === undefined) return;
      running++;
      void work().finally(() => {
        running--;
        next();
      });
    }
  };
  return {
    run(work) {
      waiting.push(work);
      next();
    },
  };
}
