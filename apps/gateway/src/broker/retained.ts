// Hot: the retained messages of one tenant, by topic, and which of them match a filter.
//
//   LevelTree: "a/b/c" -> node -> address -> Slab: the message, packed, which the node owns
//
// Memory: 36 bytes per node with its name, a hash slot of 8, and the packed message: 0.2 KB for 64 bytes under a topic of 20 characters, and
// nothing of it is the garbage collector's. Only properties and expiry times are objects. A tenant's first message costs 2.7 KB.
import { LevelTree, noNode } from "./level-tree.ts";
import type { Message } from "./message.ts";
import { chargeOf, noExtras, packMessage, type RetainedExtras, unpackMessage, versionOf } from "./retained-record.ts";
import { Slab } from "./slab.ts";

/** Nodes from which on the memory is given back when the last message goes. */
const largeNodes = 1_024;

/** What a level is charged: its node, its slots, and the room to grow that both have. Topics share their first levels, and some have hundreds of their own. */
const levelBytes = 64;

/** What a tenant has that retains nothing: for all, and never written. */
const noSlab = new Slab(() => undefined);
const noTree = new LevelTree(noSlab);

/** Where messages lie, in pairs of numbers: a node, and the version of what was there. */
export type Places = readonly number[];

export class RetainedMessages {
  #slab = noSlab;
  #tree = noTree;
  /** By node, of messages that have any; null until there is one. */
  #extras: Map<number, RetainedExtras> | null = null;
  #count = 0;
  #bytes = 0;
  /** Of the last message that was put. */
  #version = 0;
  /** A message that comes is looked up several times. */
  #foundTopic = "";
  #foundNode = noNode;

  /** Messages held. */
  get count(): number {
    return this.#count;
  }

  /** What they are charged, and their topics' levels. */
  get bytes(): number {
    return this.#bytes + this.#tree.count * levelBytes;
  }

  /** Keeps a copy of the message in place of the topic's last one. */
  put(message: Message): void {
    const { topic, properties, expiresAtMs } = message;
    if (this.#tree === noTree) this.#begin();
    let node = this.#find(topic);
    if (node === noNode) node = this.#tree.add(topic);
    const address = this.#pack(node, message);
    const before = this.#tree.value(node);
    this.#tree.setValue(node, address);
    if (before !== 0) this.#release(node, before);
    if (properties !== null || expiresAtMs !== 0) {
      this.#extras ??= new Map();
      this.#extras.set(node, { properties, expiresAtMs });
    }
    this.#count++;
    this.#bytes += message.bytes;
    this.#foundTopic = topic;
    this.#foundNode = node;
  }

  /** False when there was none. */
  delete(topic: string): boolean {
    const node = this.#find(topic);
    if (node === noNode || this.#tree.value(node) === 0) return false;
    this.#drop(node);
    return true;
  }

  /** What the topic's message is charged; 0 when it has none. */
  charge(topic: string): number {
    const node = this.#find(topic);
    const address = node === noNode ? 0 : this.#tree.value(node);
    return address === 0 ? 0 : chargeOf(this.#slab, address);
  }

  /** The topic's message. Its bytes are good until the next change here. */
  find(topic: string): Message | undefined {
    const node = this.#find(topic);
    return node === noNode || this.#tree.value(node) === 0 ? undefined : this.#open(node);
  }

  /**
   * Where all lie that match a valid filter (not a shared one), in no order. A wildcard in the first level does not match topics that begin
   * with `$` [MQTT-4.7.2-1].
   */
  match(filter: string): Places {
    const found: number[] = [];
    this.#collect(noNode, filter, 0, found);
    return found;
  }

  /** The message whose place is at this index; undefined when it has gone or was replaced. Its bytes are good until the next change here. */
  at(places: Places, index: number): Message | undefined {
    const node = places[index] as number;
    if (node >= this.#tree.capacity) return undefined;
    const address = this.#tree.value(node);
    return address === 0 || versionOf(this.#slab, address) !== places[index + 1] ? undefined : this.#open(node);
  }

  /** The message that lies now where another one was; it may be of another topic. */
  inPlaceOf(places: Places, index: number): Message | undefined {
    const node = places[index] as number;
    return node >= this.#tree.capacity || this.#tree.value(node) === 0 ? undefined : this.#open(node);
  }

  /** Drops what has expired. */
  expire(nowMs: number): void {
    if (this.#extras === null) return;
    for (const [node, { expiresAtMs }] of this.#extras) if (expiresAtMs !== 0 && nowMs >= expiresAtMs) this.#drop(node);
  }

  #find(topic: string): number {
    if (this.#foundTopic === topic) return this.#foundNode;
    const node = this.#tree.find(topic);
    this.#foundTopic = topic;
    this.#foundNode = node;
    return node;
  }

  #begin(): void {
    const slab = new Slab((owner, address) => (owner > 0 ? tree.setValue(owner, address) : tree.setName(-owner, address)));
    const tree = new LevelTree(slab);
    this.#slab = slab;
    this.#tree = tree;
  }

  /** Where there is no memory for the message, all is as it was. */
  #pack(node: number, message: Message): number {
    this.#version = (this.#version + 1) | 0;
    try {
      return packMessage(this.#slab, message, node, this.#version);
    } catch (error) {
      this.#tree.prune(node);
      throw error;
    }
  }

  #open(node: number): Message {
    return unpackMessage(this.#slab, this.#tree.value(node), this.#extras?.get(node) ?? noExtras);
  }

  #release(node: number, address: number): void {
    this.#count--;
    this.#bytes -= chargeOf(this.#slab, address);
    this.#slab.free(address);
    this.#extras?.delete(node);
  }

  #drop(node: number): void {
    this.#release(node, this.#tree.value(node));
    this.#foundTopic = "";
    this.#foundNode = noNode;
    if (this.#count === 0 && this.#tree.capacity > largeNodes) {
      this.#slab = noSlab;
      this.#tree = noTree;
      return;
    }
    this.#tree.setValue(node, 0);
    this.#tree.prune(node);
  }

  #collect(node: number, filter: string, start: number, found: number[]): void {
    const tree = this.#tree;
    const slash = filter.indexOf("/", start);
    const end = slash === -1 ? filter.length : slash;
    const code = end === start + 1 ? filter.charCodeAt(start) : 0;
    if (code === 0x23) return this.#collectAll(node, start === 0, found); // It also matches the level above it (s4.7.1.2).
    if (code !== 0x2b) return this.#descend(tree.child(node, filter, start), filter, end, found);
    for (let child = tree.firstChild(node); child !== noNode; child = tree.next(child))
      if (start > 0 || !tree.isDollar(child)) this.#descend(child, filter, end, found);
  }

  /** To what matches the level that ends here. */
  #descend(node: number, filter: string, end: number, found: number[]): void {
    if (node === noNode) return;
    if (end < filter.length) this.#collect(node, filter, end + 1, found);
    else this.#push(node, found);
  }

  #collectAll(node: number, isRoot: boolean, found: number[]): void {
    const tree = this.#tree;
    if (!isRoot) this.#push(node, found);
    for (let child = tree.firstChild(node); child !== noNode; child = tree.next(child))
      if (!isRoot || !tree.isDollar(child)) this.#collectAll(child, false, found);
  }

  #push(node: number, found: number[]): void {
    const address = this.#tree.value(node);
    if (address !== 0) found.push(node, versionOf(this.#slab, address));
  }
}
