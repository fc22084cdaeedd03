// Hot: pieces of bytes outside the heap, under numbers. What lies here costs its bytes: no object, and nothing for the garbage collector to move.
//
//   page of 64-byte cells   [ used | free | used | used |  never used yet  ]      one kind of page per cell size; free cells are chained
//   large page              [ one piece                                    ]
//
// A cell is at most a quarter larger than what is in it. Pages of a kind begin small and grow, so that a tenant with one message pays for a few cells.

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
    this.kind = kind;
    this.cellBytes = cellBytes;
    this.cells = cells;
  }

  take(): number {
    this.used++;
    const cell = this.freed;
    if (cell === none) return this.fresh++;
    this.freed = this.words[(cell * this.cellBytes) >>> 2] as number;
    return cell;
  }

  giveBack(cell: number): void {
    this.used--;
    this.words[(cell * this.cellBytes) >>> 2] = this.freed;
    this.freed = cell;
  }
}

export class Slab {
  /** By number; none has the number 0. */
  readonly #pages: (Page | null)[] = [null];
  readonly #freeNumbers: number[] = [];
  /** By kind: pages that have room, and how many there are. */
  readonly #open: number[][] = [];
  readonly #count: number[] = [];

  /** Of all pages. */
  get bytes(): number {
    return this.#pages.reduce((sum, page) => sum + (page?.buffer.length ?? 0), 0);
  }

  /** Room for so many bytes: its address, which is not 0. What is in it is undefined. */
  allocate(bytes: number): number {
    if (bytes > cellBytesMax) return this.#add(new Page(large, Math.ceil(bytes / grain) * grain, 1)) << cellBits;
    const kind = kindOf(bytes);
    let open = this.#open[kind];
    if (open === undefined) {
      while (this.#open.length <= kind) this.#count[this.#open.push([]) - 1] = 0;
      open = this.#open[kind] as number[];
    }
    if (open.length === 0) open.push(this.#grow(kind));
    const number = open[open.length - 1] as number;
    const page = this.#pages[number] as Page;
    const cell = page.take();
    if (page.used === page.cells) open.pop();
    return (number << cellBits) | cell;
  }

  free(address: number): void {
    const number = address >>> cellBits;
    const page = this.#pages[number] as Page;
    const { kind } = page;
    if (kind === large) return this.#drop(number);
    const open = this.#open[kind] as number[];
    if (page.used === page.cells) open.push(number);
    page.giveBack(address & cellMask);
    // The last one with room stays: it will be wanted again.
    if (page.used > 0 || open.length === 1) return;
    open.splice(open.indexOf(number), 1);
    this.#count[kind] = (this.#count[kind] as number) - 1;
    this.#drop(number);
  }

  /** The page that an address is in: good until the address is freed. */
  page(address: number): Page {
    return this.#pages[address >>> cellBits] as Page;
  }

  #grow(kind: number): number {
    const cellBytes = cellBytesOf(kind);
    const count = this.#count[kind] as number;
    this.#count[kind] = count + 1;
    const bytes = Math.max(cellBytes, Math.min(pageBytesMax, pageBytesFirst * 2 ** Math.min(count, 7)));
    return this.#add(new Page(kind, cellBytes, Math.floor(bytes / cellBytes)));
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
