// Hot: the retained messages of one tenant, by topic, and which of them match a filter.
//
//   "a/b/c" -> root - a - b - c*      a node per level; `*` holds a message. Literal levels are found by name, wildcards walk.
import type { Message } from "./message.ts";

class Topic {
  /** Null in leaves: most nodes are. */
  children: Map<string, Topic> | null = null;
  message: Message | null = null;
}

export class RetainedMessages {
  readonly #root = new Topic();
  #count = 0;
  #bytes = 0;
  /** Messages that expire. */
  #expiring = 0;

  /** Messages held. */
  get count(): number {
    return this.#count;
  }

  /** What they take, estimated. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Keeps the message in place of the topic's last one. */
  put(message: Message): void {
    let node = this.#root;
    for (const level of message.topic.split("/")) {
      node.children ??= new Map();
      let child = node.children.get(level);
      if (child === undefined) {
        child = new Topic();
        node.children.set(level, child);
      }
      node = child;
    }
    this.#release(node);
    node.message = message;
    this.#count++;
    this.#bytes += message.bytes;
    if (message.expiresAtMs !== 0) this.#expiring++;
  }

  /** False when there was none. */
  delete(topic: string): boolean {
    const before = this.#count;
    this.#deleteBelow(this.#root, topic.split("/"), 0);
    return this.#count !== before;
  }

  find(topic: string): Message | undefined {
    let node: Topic | undefined = this.#root;
    for (const level of topic.split("/")) {
      node = node.children?.get(level);
      if (node === undefined) return undefined;
    }
    return node.message ?? undefined;
  }

  /**
   * All that match a valid filter (not a shared one), at most `max`, in no order. A wildcard in the first level does not match topics that
   * begin with `$` [MQTT-4.7.2-1].
   */
  match(filter: string, max: number): Message[] {
    const found: Message[] = [];
    collect(this.#root, filter.split("/"), 0, found, max);
    return found;
  }

  /** Drops what has expired. Walks all topics, but only when some of them expire at all. */
  expire(nowMs: number): void {
    if (this.#expiring === 0) return;
    for (const message of this.match("#", Number.MAX_SAFE_INTEGER)) if (message.isExpired(nowMs)) this.delete(message.topic);
  }

  #release(node: Topic): void {
    if (node.message === null) return;
    if (node.message.expiresAtMs !== 0) this.#expiring--;
    this.#count--;
    this.#bytes -= node.message.bytes;
    node.message = null;
  }

  #deleteBelow(node: Topic, levels: readonly string[], at: number): void {
    if (at === levels.length) {
      this.#release(node);
      return;
    }
    const level = levels[at] as string;
    const child = node.children?.get(level);
    if (child === undefined) return;
    this.#deleteBelow(child, levels, at + 1);
    if (child.message !== null || child.children !== null) return;
    node.children?.delete(level);
    if (node.children?.size === 0) node.children = null;
  }
}

function collect(node: Topic, levels: readonly string[], at: number, found: Message[], max: number): void {
  if (found.length >= max) return;
  const level = levels[at];
  if (level === undefined) {
    if (node.message !== null) found.push(node.message);
    return;
  }
  if (level === "#") return collectAll(node, at === 0, found, max); // It also matches the level above it (s4.7.1.2).
  if (node.children === null) return;
  if (level === "+") {
    for (const [name, child] of node.children) if (at > 0 || name.charCodeAt(0) !== 0x24) collect(child, levels, at + 1, found, max);
    return;
  }
  const child = node.children.get(level);
  if (child !== undefined) collect(child, levels, at + 1, found, max);
}

function collectAll(node: Topic, isRoot: boolean, found: Message[], max: number): void {
  if (found.length >= max) return;
  if (node.message !== null) found.push(node.message);
  if (node.children === null) return;
  for (const [name, child] of node.children) if (!isRoot || name.charCodeAt(0) !== 0x24) collectAll(child, false, found, max);
}
