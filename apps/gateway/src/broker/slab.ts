// Hot: pieces of bytes outside the heap, under numbers. What lies here costs its bytes: no object, and nothing for the garbage collector to move.
//
//   page of 64-byte cells   [ used | free | used | used |  never used yet  ]      one kind of page per cell size; free cells are chained
//   large page              [ one piece                                    ]
//
// A cell is at most a quarter larger than what is in it. Pages of a kind begin small and grow, so that a tenant with one message pays for a few cells.
// What is left on a page when most of it is gone moves to others, so that a page is not kept for one piece: a piece has an owner, who is told where to.

/** Sizes are multiples of this: the words of a page are aligned. */
const grain = 16;
const pageBytesFirst = 512;
const pageBytesMax = 65_536;
/** What is larger has a page of its own. */
const cellBytesMax = 16_384;
/** An address is a page's number and a cell's: 64 GB in pages of the usual size, more than any limit lets in. */
const cellBits = 12;
const pagesMax = 1 << (32 - cellBits);
const cellMask = (1 << cellBits) - 1;
/** Cells of 16, 32 ... 128 bytes, and from there on four sizes up to the next doubling. */
const finestKinds = 8;
const large = -1;
const none = -1;

export class Page {
  readonly buffer: Buffer;
  /** The same bytes. */
  readonly words: Int32Array;
  /** By cell; 0 for a free one. */
  readonly owners: Int32Array;
  readonly kind: number;
  readonly cellBytes: number;
  readonly cells: number;
  used = 0;
  /** From here on no cell was used yet. */
  fresh = 0;
  /** The first free cell of those that were; its first word names the next. */
  freed: number = none;

  constructor(kind: number, cellBytes: number, cells: number) {
    this.buffer = Buffer.allocUnsafeSlow(cellBytes * cells);
    this.words = new Int32Array(this.buffer.buffer);
    this.owners = new Int32Array(cells);
    this.kind = kind;
    this.cellBytes = cellBytes;
    this.cells = cells;
  }

  take(owner: number): number {
    this.used++;
    let cell = this.freed;
    if (cell === none) cell = this.fresh++;
    else this.freed = this.words[(cell * this.cellBytes) >>> 2] as number;
    this.owners[cell] = owner;
    return cell;
  }

  giveBack(cell: number): void {
    this.used--;
    this.owners[cell] = 0;
    this.words[(cell * this.cellBytes) >>> 2] = this.freed;
    this.freed = cell;
  }
}

/** Told that a piece of this owner lies at this address now. */
export type OnMoved = (owner: number, address: number) => void;

export class Slab {
  readonly #onMoved: OnMoved;
  /** By number; none has the number 0. */
  readonly #pages: (Page | null)[] = [null];
  readonly #freeNumbers: number[] = [];
  /** By kind: pages that have room, how many there are, their cells, and how many of these are used. */
  readonly #open: number[][] = [];
  readonly #count: number[] = [];
  readonly #cells: number[] = [];
  readonly #used: number[] = [];

  constructor(onMoved: OnMoved) {
    this.#onMoved = onMoved;
  }

  /** Of all pages. */
  get bytes(): number {
    return this.#pages.reduce((sum, page) => sum + (page?.buffer.length ?? 0), 0);
  }

  /** Room for so many bytes of an owner, who is not 0: its address, which is not 0 either. What is in it is undefined. */
  allocate(bytes: number, owner: number): number {
    if (bytes > cellBytesMax) return this.#add(new Page(large, Math.ceil(bytes / grain) * grain, 1)) << cellBits;
    const kind = kindOf(bytes);
    let open = this.#open[kind];
    if (open === undefined) {
      while (this.#open.length <= kind) this.#count[this.#open.push([]) - 1] = 0;
      open = this.#open[kind] as number[];
    }
    if (open.length === 0) open.push(this.#grow(kind));
    return this.#take(kind, open, owner);
  }

  /** Other pieces may move, but for those with a page of their own. */
  free(address: number): void {
    const number = address >>> cellBits;
    const page = this.#pages[number] as Page;
    const { kind } = page;
    if (kind === large) return this.#drop(number);
    const open = this.#open[kind] as number[];
    if (page.used === page.cells) open.push(number);
    page.giveBack(address & cellMask);
    const used = (this.#used[kind] as number) - 1;
    this.#used[kind] = used;
    const isEmpty = page.used === 0;
    // The last one with room stays: it will be wanted again.
    if (isEmpty ? open.length === 1 : page.used * 2 > page.cells || used * 2 > (this.#cells[kind] as number) - page.cells) return;
    open.splice(open.indexOf(number), 1);
    this.#count[kind] = (this.#count[kind] as number) - 1;
    this.#cells[kind] = (this.#cells[kind] as number) - page.cells;
    if (!isEmpty) this.#move(page, open);
    this.#drop(number);
  }

  /** The page that an address is in: good until the address is freed. */
  page(address: number): Page {
    return this.#pages[address >>> cellBits] as Page;
  }

  #take(kind: number, open: number[], owner: number): number {
    const number = open[open.length - 1] as number;
    const page = this.#pages[number] as Page;
    const cell = page.take(owner);
    if (page.used === page.cells) open.pop();
    this.#used[kind] = (this.#used[kind] ?? 0) + 1;
    return (number << cellBits) | cell;
  }

  /**
   * All that is on the page, which is not among the open ones any more; they have room for it twice. At most half a page is moved, and as many pieces
   * have been freed since the last time.
   */
  #move({ kind, cellBytes, owners, buffer, used, fresh }: Page, open: number[]): void {
    this.#used[kind] = (this.#used[kind] as number) - used;
    for (let cell = 0; cell < fresh; cell++) {
      const owner = owners[cell] as number;
      if (owner === 0) continue;
      const address = this.#take(kind, open, owner);
      const to = this.page(address);
      buffer.copy(to.buffer, offsetIn(to, address), cell * cellBytes, (cell + 1) * cellBytes);
      this.#onMoved(owner, address);
    }
  }

  #grow(kind: number): number {
    const cellBytes = cellBytesOf(kind);
    const count = this.#count[kind] as number;
    this.#count[kind] = count + 1;
    const bytes = Math.max(cellBytes, Math.min(pageBytesMax, pageBytesFirst * 2 ** Math.min(count, 7)));
    const page = new Page(kind, cellBytes, Math.floor(bytes / cellBytes));
    this.#cells[kind] = (this.#cells[kind] ?? 0) + page.cells;
    return this.#add(page);
  }

  #add(page: Page): number {
    const number = this.#freeNumbers.pop() ?? this.#pages.length;
    if (number >= pagesMax) throw new RangeError(`there are ${pagesMax} pages`);
    this.#pages[number] = page;
    return number;
  }

  #drop(number: number): void {
    this.#pages[number] = null;
    this.#freeNumbers.push(number);
  }
}

/** Where the piece begins in its page. */
export function offsetIn(page: Page, address: number): number {
  return (address & cellMask) * page.cellBytes;
}

function kindOf(bytes: number): number {
  if (bytes <= grain * finestKinds) return Math.max(0, ((bytes + grain - 1) >>> 4) - 1);
  const step = 29 - Math.clz32(bytes - 1);
  return finestKinds + (step - 5) * 4 + ((bytes - 1) >>> step) - 4;
}

function cellBytesOf(kind: number): number {
  if (kind < finestKinds) return (kind + 1) * grain;
  const step = ((kind - finestKinds) >>> 2) + 5;
  return (((kind - finestKinds) & 3) + 5) << step;
}
