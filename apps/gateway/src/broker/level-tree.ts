// Hot: topics by their levels, in arrays of numbers: a topic is a node here and some bytes in the slab, and no object.
//
//   "a/b/c" -> root - a - b - c       a level is found by the hash of its parent and name; wildcards walk children
//
//   node    [ parent | first child | next | previous | value | size of the name | name, 3 words ]     36 bytes; next and previous are siblings
//   slots   (hash of parent and name) -> node; what is not there is known without looking at a node (level-slots.ts)
//
// A name of up to 12 characters lies in the node, four to a word, and a longer one, or one beyond U+00FF, in the slab, where the node's number with
// another sign is its owner.
import { begin, finish, mix, placeOf, putIn, takeOut } from "./level-slots.ts";
import { offsetIn, type Slab } from "./slab.ts";

/** The root's number, and none. */
export const noNode = 0;

const fields = 9;
const Parent = 0;
const First = 1;
const Next = 2;
const Previous = 3;
const Value = 4;
/** In characters; negative when they take two bytes each. */
const Size = 5;
/** The first of three words; or an address. */
const Name = 6;

const slash = 0x2f;
const dollar = 0x24;
const inlineMax = 12;

/** Read and never written: a tree that is empty has these. */
const rootAlone = new Int32Array(fields);
const oneSlot = new Int32Array(2);

export class LevelTree {
  readonly #slab: Slab;
  #nodes = rootAlone;
  #slots = oneSlot;
  /** Nodes from here on were never used. Free ones before it are chained by Next. */
  #fresh = 1;
  #freed = noNode;
  #count = 0;
  // The level that was read last.
  #start = 0;
  #end = 0;
  #hash = 0;
  #size = 0;
  #word0 = 0;
  #word1 = 0;
  #word2 = 0;

  constructor(slab: Slab) {
    this.#slab = slab;
  }

  /** Levels that there are. */
  get count(): number {
    return this.#count;
  }

  /** Nodes there is memory for. */
  get capacity(): number {
    return this.#nodes.length / fields;
  }

  /** The node of a topic, or none. It may have no value. */
  find(topic: string): number {
    const { length } = topic;
    let node = noNode;
    for (let start = 0; start <= length; start = this.#end + 1) {
      node = this.child(node, topic, start);
      if (node === noNode) return noNode;
    }
    return node;
  }

  /** The node of a topic, which is made. The caller gives it a value, or prunes it. */
  add(topic: string): number {
    const { length } = topic;
    let node = noNode;
    for (let start = 0; start <= length; start = this.#end + 1) {
      const child = this.child(node, topic, start);
      node = child === noNode ? this.#create(node, topic) : child;
    }
    return node;
  }

  /** 0 for none, which is what a new node has. */
  value(node: number): number {
    return this.#nodes[node * fields + Value] as number;
  }

  setValue(node: number, value: number): void {
    this.#nodes[node * fields + Value] = value;
  }

  firstChild(node: number): number {
    return this.#nodes[node * fields + First] as number;
  }

  /** The next child of the same parent. */
  next(node: number): number {
    return this.#nodes[node * fields + Next] as number;
  }

  /** The child that is called as the level of `text` that begins at `start`. */
  child(parent: number, text: string, start: number): number {
    this.#read(parent, text, start);
    const slots = this.#slots;
    const hash = this.#hash;
    for (let slot = placeOf(hash, slots); ; slot = (slot + 2) & (slots.length - 1)) {
      const node = slots[slot + 1] as number;
      if (node === noNode) return noNode;
      if (slots[slot] === hash && this.#nodes[node * fields + Parent] === parent && this.#isCalled(node, text)) return node;
    }
  }

  /** The slab has moved the name of this node. */
  setName(node: number, address: number): void {
    this.#nodes[node * fields + Name] = address;
  }

  /** Whether the level begins with `$`. */
  isDollar(node: number): boolean {
    return this.#nodes[node * fields + Size] !== 0 && this.#codeAt(node, 0) === dollar;
  }

  /** Removes a node that has neither value nor children, and those above it for which that is then so. */
  prune(node: number): void {
    const nodes = this.#nodes;
    for (let at = node; at !== noNode; ) {
      const base = at * fields;
      if (nodes[base + Value] !== 0 || nodes[base + First] !== noNode) return;
      const parent = nodes[base + Parent] as number;
      this.#remove(at);
      at = parent;
    }
  }

  /** Of the level that was read last. */
  #create(parent: number, text: string): number {
    if ((this.#count + 1) * 8 > this.#slots.length * 3) this.#rehash(this.#slots.length * 2);
    const node = this.#takeNode();
    const nodes = this.#nodes;
    const base = node * fields;
    const sibling = nodes[parent * fields + First] as number;
    nodes[base + Parent] = parent;
    nodes[base + First] = noNode;
    nodes[base + Next] = sibling;
    nodes[base + Previous] = noNode;
    nodes[base + Value] = 0;
    nodes[base + Size] = this.#size;
    if (isInline(this.#size)) {
      nodes[base + Name] = this.#word0;
      nodes[base + Name + 1] = this.#word1;
      nodes[base + Name + 2] = this.#word2;
    } else nodes[base + Name] = this.#keepName(node, text);
    if (sibling !== noNode) nodes[sibling * fields + Previous] = node;
    nodes[parent * fields + First] = node;
    putIn(this.#slots, this.#hash, node);
    this.#count++;
    return node;
  }

  #takeNode(): number {
    const node = this.#freed;
    if (node !== noNode) {
      this.#freed = this.#nodes[node * fields + Next] as number;
      return node;
    }
    if (this.#fresh * fields === this.#nodes.length) {
      const nodes = new Int32Array(this.#nodes.length * 2);
      nodes.set(this.#nodes);
      this.#nodes = nodes;
    }
    return this.#fresh++;
  }

  #remove(node: number): void {
    const nodes = this.#nodes;
    const base = node * fields;
    takeOut(this.#slots, this.#hashOf(node), node);
    const next = nodes[base + Next] as number;
    const previous = nodes[base + Previous] as number;
    if (next !== noNode) nodes[next * fields + Previous] = previous;
    if (previous !== noNode) nodes[previous * fields + Next] = next;
    else nodes[(nodes[base + Parent] as number) * fields + First] = next;
    if (!isInline(nodes[base + Size] as number)) this.#slab.free(nodes[base + Name] as number);
    nodes[base + Next] = this.#freed;
    this.#freed = node;
    this.#count--;
  }

  #rehash(length: number): void {
    const before = this.#slots;
    this.#slots = new Int32Array(length);
    for (let slot = 0; slot < before.length; slot += 2) {
      const node = before[slot + 1] as number;
      if (node !== noNode) putIn(this.#slots, before[slot] as number, node);
    }
  }

  // ---- names

  #read(parent: number, text: string, start: number): void {
    const { length } = text;
    let mixed = begin(parent);
    let all = 0;
    let word0 = 0;
    let word1 = 0;
    let word2 = 0;
    let at = start;
    for (; at < length; at++) {
      const code = text.charCodeAt(at);
      if (code === slash) break;
      mixed = mix(mixed, code);
      all |= code;
      const place = at - start;
      if (place < 4) word0 |= code << (place << 3);
      else if (place < 8) word1 |= code << ((place - 4) << 3);
      else if (place < inlineMax) word2 |= code << ((place - 8) << 3);
    }
    this.#start = start;
    this.#end = at;
    this.#hash = finish(mixed);
    this.#size = all > 0xff ? start - at : at - start;
    this.#word0 = word0;
    this.#word1 = word1;
    this.#word2 = word2;
  }

  /** As the level that was read last. */
  #isCalled(node: number, text: string): boolean {
    const nodes = this.#nodes;
    const base = node * fields;
    if (nodes[base + Size] !== this.#size) return false;
    if (isInline(this.#size))
      return nodes[base + Name] === this.#word0 && nodes[base + Name + 1] === this.#word1 && nodes[base + Name + 2] === this.#word2;
    for (let at = this.#start; at < this.#end; at++) if (this.#codeAt(node, at - this.#start) !== text.charCodeAt(at)) return false;
    return true;
  }

  #keepName(node: number, text: string): number {
    const isWide = this.#size < 0;
    const address = this.#slab.allocate(Math.abs(this.#size) * (isWide ? 2 : 1), -node);
    const page = this.#slab.page(address);
    let to = offsetIn(page, address);
    for (let at = this.#start; at < this.#end; at++) {
      const code = text.charCodeAt(at);
      page.buffer[to++] = code & 0xff;
      if (isWide) page.buffer[to++] = code >>> 8;
    }
    return address;
  }

  #codeAt(node: number, at: number): number {
    const base = node * fields;
    const size = this.#nodes[base + Size] as number;
    if (isInline(size)) return ((this.#nodes[base + Name + (at >>> 2)] as number) >>> ((at & 3) << 3)) & 0xff;
    const address = this.#nodes[base + Name] as number;
    const page = this.#slab.page(address);
    const from = offsetIn(page, address) + (size < 0 ? at * 2 : at);
    return size < 0 ? (page.buffer[from] as number) | ((page.buffer[from + 1] as number) << 8) : (page.buffer[from] as number);
  }

  /** As `#read` has it. */
  #hashOf(node: number): number {
    let mixed = begin(this.#nodes[node * fields + Parent] as number);
    const size = Math.abs(this.#nodes[node * fields + Size] as number);
    for (let at = 0; at < size; at++) mixed = mix(mixed, this.#codeAt(node, at));
    return finish(mixed);
  }
}

function isInline(size: number): boolean {
  return size >= 0 && size <= inlineMax;
}
