// Hot: buffers for what is said within one turn, shared by all connections: a thousand subscribers that are each told ten messages would otherwise
// mean a thousand fresh allocations per turn, and as many for the garbage collector.
//
//   take(0) 1 KB --full--> take(1) 8 KB --full--> take(2) 64 KB, again and again          give(buffer): free for anybody

const sizes = [1_024, 8_192, 65_536] as const;
/** 2 MB of each size, whatever the process had to say once; up to 16 MB of the smallest, each of which may be the last of a piece of Node's pool. */
const keptMax = [2_048, 256, 32] as const;

export class WriteBuffers {
  readonly #free: readonly [Buffer[], Buffer[], Buffer[]] = [[], [], []];

  /** At least `size` bytes with anything in them; `step` is how many were taken before within this turn. */
  take(step: number, size: number): Buffer {
    let at = step < 2 ? step : 2;
    while (at < 2 && (sizes[at] as number) < size) at++;
    const length = sizes[at] as number;
    if (length < size) return Buffer.allocUnsafeSlow(size);
    const free = (this.#free[at] as Buffer[]).pop();
    if (free !== undefined) return free;
    // Small ones are cut from Node's pool: where buffers do not come back (TLS), that is cheaper than one allocation each.
    return at === 0 ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
  }

  /** Takes back a buffer that nobody reads any more. */
  give(buffer: Buffer): void {
    const { length } = buffer;
    const at = length === sizes[0] ? 0 : length === sizes[1] ? 1 : length === sizes[2] ? 2 : -1;
    if (at === -1) return;
    const free = this.#free[at] as Buffer[];
    if (free.length < (keptMax[at] as number)) free.push(buffer);
  }
}
