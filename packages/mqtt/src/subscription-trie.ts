// Hot: which subscriptions match a topic.
//
//   exact    "a/b/c" ------------------> subscribers       one Map entry, no nodes: most subscriptions of a fleet
//   wildcard "a/+/c", "a/#"  root - a -+- (+) - c          literal levels, one `plus` child, and `below`: the subscribers
//                                      '- below            whose filter ends in `#` here
//   cache    topic -> values                               bounded in bytes; a changed exact filter drops one entry,
//                                                          a changed wildcard filter drops all
//
// Memory: a subscription is one object of three fields (48 bytes) besides its filter's share of the index.
import { hasWildcard } from "./topic.ts";

/** Levels of a filter: matching recurses once per level. Callers refuse longer ones first, with `isValidTopicFilter`. */
export const TRIE_LEVELS_MAX = 256;
/** Enough for 80,000 topics of 32 characters with one subscriber each. */
const CACHE_BYTES_MAX = 8 * 1024 * 1024;
/** What a cached topic costs besides its characters and matches: a map entry, a string and an array header. */
const CACHED_TOPIC_BYTES = 72;
/** From this many subscribers of one filter on, a Map finds one faster than a walk. */
const LIST_MAX = 16;

class Subscriber<K, V> {
  readonly key: K;
  value: V;
  next: Subscriber<K, V> | null;

  constructor(key: K, value: V, next: Subscriber<K, V> | null) {
    this.key = key;
    this.value = value;
    this.next = next;
  }
}

/** The subscribers of one filter: none, a short list, or a map. */
type Subscribers<K, V> = Subscriber<K, V> | Map<K, V> | null;

class TrieNode<K, V> {
  /** The only literal child, while there is one: a path through a fleet's topics needs no maps for its lone steps. */
  onlyLevel = "";
  only: TrieNode<K, V> | null = null;
  children: Map<string, TrieNode<K, V>> | null = null;
  plus: TrieNode<K, V> | null = null;
  here: Subscribers<K, V> = null;
  below: Subscribers<K, V> = null;
}

const NONE: readonly never[] = [];

/**
 * Subscriptions by topic filter. A subscriber is a key (compared by identity, once per filter) and a value that `match` returns. Filters must
 * be valid (`isValidTopicFilter`) and not shared ones: strip `$share/group/` first.
 */
export class SubscriptionTrie<K, V> {
  private readonly exact = new Map<string, Subscribers<K, V>>();
  private readonly root = new TrieNode<K, V>();
  private readonly cache = new Map<string, readonly V[]>();
  private readonly cacheBytesMax: number;
  private readonly merge: ((found: V[]) => readonly V[]) | null;
  private cacheBytes = 0;
  private count = 0;
  private replaced: V | undefined = undefined;

  /**
   * `cacheBytesMax` bounds the cache of matches, estimated; 0 switches it off. `merge` is shown what matches a topic, if that is more than one
   * subscription, before it is cached: it may make one of those that have one subscriber.
   */
  constructor(cacheBytesMax: number = CACHE_BYTES_MAX, merge: ((found: V[]) => readonly V[]) | null = null) {
    this.cacheBytesMax = cacheBytesMax;
    this.merge = merge;
  }

  /** Subscriptions held: pairs of filter and key. */
  get size(): number {
    return this.count;
  }

  /** Topics in the cache of matches. */
  get cachedTopics(): number {
    return this.cache.size;
  }

  /** Subscribes `key`; a subscription of the same key to the same filter is replaced [MQTT-3.8.4-3] and its value returned. */
  add(filter: string, key: K, value: V): V | undefined {
    this.replaced = undefined;
    if (!hasWildcard(filter)) {
      this.exact.set(filter, this.put(this.exact.get(filter) ?? null, key, value));
      this.forget(filter);
      return this.replaced;
    }
    const levels = filter.split("/");
    if (levels.length > TRIE_LEVELS_MAX) throw new RangeError(`a filter of ${levels.length} levels is longer than ${TRIE_LEVELS_MAX}`);
    const endsInHash = levels[levels.length - 1] === "#";
    const depth = endsInHash ? levels.length - 1 : levels.length;
    let node = this.root;
    for (let at = 0; at < depth; at++) node = stepOrCreate(node, levels[at] as string);
    if (endsInHash) node.below = this.put(node.below, key, value);
    else node.here = this.put(node.here, key, value);
    this.forgetAll();
    return this.replaced;
  }

  /** Ends a subscription. False when there is none. */
  remove(filter: string, key: K): boolean {
    const before = this.count;
    if (hasWildcard(filter)) {
      this.removeBelow(this.root, filter.split("/"), 0, key);
      if (this.count !== before) this.forgetAll();
    } else {
      const rest = this.take(this.exact.get(filter) ?? null, key);
      if (rest === null) this.exact.delete(filter);
      else this.exact.set(filter, rest);
      if (this.count !== before) this.forget(filter);
    }
    return this.count !== before;
  }

  /**
   * The values of all subscriptions that match a valid topic name; one that matches by several filters is there several times. The array is
   * shared and never changes: it may be kept and walked while subscriptions come and go, and must not be written to.
   */
  match(topic: string): readonly V[] {
    if (this.count === 0) return NONE;
    const cached = this.cache.get(topic);
    if (cached !== undefined) return cached;
    const found: V[] = [];
    collectAll(this.exact.get(topic) ?? null, found);
    this.matchWildcards(topic, found);
    const values: readonly V[] = found.length === 0 ? NONE : found.length === 1 || this.merge === null ? found : this.merge(found);
    const bytes = CACHED_TOPIC_BYTES + topic.length + found.length * 8;
    if (bytes > this.cacheBytesMax) return values;
    if (this.cacheBytes + bytes > this.cacheBytesMax) this.forgetAll();
    this.cacheBytes += bytes;
    this.cache.set(topic, values);
    return values;
  }

  private matchWildcards(topic: string, found: V[]): void {
    const root = this.root;
    if (root.only === null && root.children === null && root.plus === null && root.below === null) return;
    const levels = topic.split("/");
    if (topic.charCodeAt(0) !== 0x24) {
      collect(root, levels, 0, found);
      return;
    }
    // [MQTT-4.7.2-1]: a wildcard in the first level does not match a topic that begins with "$".
    const child = step(root, levels[0] as string);
    if (child !== null) collect(child, levels, 1, found);
  }

  private put(subscribers: Subscribers<K, V>, key: K, value: V): Subscribers<K, V> {
    if (subscribers instanceof Map) {
      this.replaced = subscribers.get(key);
      if (!subscribers.has(key)) this.count++;
      return subscribers.set(key, value);
    }
    let length = 0;
    for (let at = subscribers; at !== null; at = at.next) {
      length++;
      if (at.key !== key) continue;
      this.replaced = at.value;
      at.value = value;
      return subscribers;
    }
    this.count++;
    if (length < LIST_MAX) return new Subscriber(key, value, subscribers);
    const map = new Map<K, V>();
    for (let at = subscribers; at !== null; at = at.next) map.set(at.key, at.value);
    return map.set(key, value);
  }

  private take(subscribers: Subscribers<K, V>, key: K): Subscribers<K, V> {
    if (subscribers === null) return null;
    if (subscribers instanceof Map) {
      if (subscribers.delete(key)) this.count--;
      return subscribers.size === 0 ? null : subscribers;
    }
    let before: Subscriber<K, V> | null = null;
    for (let at: Subscriber<K, V> | null = subscribers; at !== null; at = at.next) {
      if (at.key === key) {
        this.count--;
        if (before === null) return at.next;
        before.next = at.next;
        return subscribers;
      }
      before = at;
    }
    return subscribers;
  }

  /** Removes and prunes on the way back. A filter too long to have been added ends the descent where the trie does. */
  private removeBelow(node: TrieNode<K, V>, levels: string[], at: number, key: K): void {
    if (at === levels.length) {
      node.here = this.take(node.here, key);
      return;
    }
    const level = levels[at] as string;
    if (level === "#") {
      node.below = this.take(node.below, key);
      return;
    }
    const child = level === "+" ? node.plus : step(node, level);
    if (child === null) return;
    this.removeBelow(child, levels, at + 1, key);
    if (isEmpty(child)) unlink(node, level);
  }

  private forget(topic: string): void {
    const values = this.cache.get(topic);
    if (values === undefined) return;
    this.cacheBytes -= CACHED_TOPIC_BYTES + topic.length + values.length * 8;
    this.cache.delete(topic);
  }

  private forgetAll(): void {
    if (this.cache.size > 0) this.cache.clear();
    this.cacheBytes = 0;
  }
}

function step<K, V>(node: TrieNode<K, V>, level: string): TrieNode<K, V> | null {
  if (node.children !== null) return node.children.get(level) ?? null;
  return node.only !== null && node.onlyLevel === level ? node.only : null;
}

function stepOrCreate<K, V>(node: TrieNode<K, V>, level: string): TrieNode<K, V> {
  if (level === "+") {
    node.plus ??= new TrieNode<K, V>();
    return node.plus;
  }
  const found = step(node, level);
  if (found !== null) return found;
  const child = new TrieNode<K, V>();
  if (node.children !== null) node.children.set(level, child);
  else if (node.only === null) {
    node.only = child;
    node.onlyLevel = level;
  } else {
    node.children = new Map([
      [node.onlyLevel, node.only],
      [level, child],
    ]);
    node.only = null;
    node.onlyLevel = "";
  }
  return child;
}

function unlink<K, V>(node: TrieNode<K, V>, level: string): void {
  if (level === "+") node.plus = null;
  else if (node.children !== null) {
    node.children.delete(level);
    if (node.children.size === 0) node.children = null;
  } else {
    node.only = null;
    node.onlyLevel = "";
  }
}

function isEmpty<K, V>(node: TrieNode<K, V>): boolean {
  return node.here === null && node.below === null && node.plus === null && node.only === null && node.children === null;
}

function collect<K, V>(node: TrieNode<K, V>, levels: string[], at: number, found: V[]): void {
  if (node.below !== null) collectAll(node.below, found);
  if (at === levels.length) {
    if (node.here !== null) collectAll(node.here, found);
    return;
  }
  const child = step(node, levels[at] as string);
  if (child !== null) collect(child, levels, at + 1, found);
  if (node.plus !== null) collect(node.plus, levels, at + 1, found);
}

function collectAll<K, V>(subscribers: Subscribers<K, V>, found: V[]): void {
  if (subscribers instanceof Map) for (const value of subscribers.values()) found.push(value);
  else for (let at = subscribers; at !== null; at = at.next) found.push(at.value);
}
