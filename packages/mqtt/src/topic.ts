// Hot: topic names and filters as strings (MQTT 5 s4.7). No function here allocates, except for a shared filter's two parts.

/** Bytes in a topic unless told otherwise: MQTT's own limit [MQTT-4.7.3-3]. */
export const TOPIC_BYTES_MAX = 65_535;
/** Levels in a topic unless told otherwise. MQTT has no limit; a trie's depth needs one. */
export const TOPIC_LEVELS_MAX = 128;

const SLASH = 0x2f;
const PLUS = 0x2b;
const HASH = 0x23;
const SHARE = "$share/";

/** Whether `text` has 1 to `bytesMax` UTF-8 bytes ([MQTT-4.7.3-1], [MQTT-4.7.3-3]), at most `levelsMax` levels, no U+0000 and no lone surrogate. */
function isWithinLimits(text: string, bytesMax: number, levelsMax: number): boolean {
  const length = text.length;
  if (length === 0 || length > bytesMax) return false;
  let levels = 1;
  let isAscii = true;
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0) return false; // [MQTT-4.7.3-2]
    if (code === SLASH) levels++;
    else if (code > 127) isAscii = false;
  }
  if (levels > levelsMax) return false;
  return isAscii || (text.isWellFormed() && Buffer.byteLength(text) <= bytesMax);
}

/** Whether one may publish to `topic`: within the limits and without wildcards [MQTT-4.7.0-1]. */
export function isValidTopicName(topic: string, bytesMax: number = TOPIC_BYTES_MAX, levelsMax: number = TOPIC_LEVELS_MAX): boolean {
  return isWithinLimits(topic, bytesMax, levelsMax) && !hasWildcard(topic);
}

/** Whether `+` or `#` occurs. */
export function hasWildcard(filter: string): boolean {
  return filter.includes("+") || filter.includes("#");
}

/**
 * Whether one may subscribe to `filter`: within the limits, `#` alone in the last level [MQTT-4.7.1-1], `+` alone in its level
 * [MQTT-4.7.1-2]; what begins with `$share/` must be a complete shared filter ([MQTT-4.8.2-1], [MQTT-4.8.2-2]).
 */
export function isValidTopicFilter(filter: string, bytesMax: number = TOPIC_BYTES_MAX, levelsMax: number = TOPIC_LEVELS_MAX): boolean {
  if (!isWithinLimits(filter, bytesMax, levelsMax)) return false;
  const start = filter.startsWith(SHARE) ? sharedStart(filter) : 0;
  return start >= 0 && start < filter.length && hasWildcardsInPlace(filter, start);
}

function hasWildcardsInPlace(filter: string, start: number): boolean {
  const length = filter.length;
  for (let at = start; at < length; at++) {
    const code = filter.charCodeAt(at);
    if (code !== PLUS && code !== HASH) continue;
    if (at > start && filter.charCodeAt(at - 1) !== SLASH) return false;
    if (code === HASH ? at + 1 !== length : at + 1 < length && filter.charCodeAt(at + 1) !== SLASH) return false;
  }
  return true;
}

/** Where the filter proper begins in a string that starts with `$share/`, or -1 when the group name is empty, has a wildcard or does not end. */
function sharedStart(filter: string): number {
  for (let at = SHARE.length; at < filter.length; at++) {
    const code = filter.charCodeAt(at);
    if (code === PLUS || code === HASH) return -1;
    if (code === SLASH) return at === SHARE.length ? -1 : at + 1;
  }
  return -1;
}

/** The two parts of `$share/group/filter`. */
export interface SharedFilter {
  readonly group: string;
  readonly filter: string;
}

/** The parts of a shared subscription's filter (MQTT 5 s4.8.2), or null when it is not one, or not a valid one. */
export function parseSharedFilter(filter: string): SharedFilter | null {
  if (!filter.startsWith(SHARE)) return null;
  const start = sharedStart(filter);
  if (start < 0 || start >= filter.length || !hasWildcardsInPlace(filter, start)) return null;
  return { group: filter.slice(SHARE.length, start - 1), filter: filter.slice(start) };
}

/**
 * Whether a valid filter (not a shared one) matches a valid topic name. `#` also matches the level above it (s4.7.1.2); a wildcard in the
 * first level does not match a topic that begins with `$` [MQTT-4.7.2-1].
 */
export function filterMatches(filter: string, topic: string): boolean {
  const filterLength = filter.length;
  const topicLength = topic.length;
  let f = 0;
  let t = 0;
  while (f < filterLength) {
    const code = filter.charCodeAt(f);
    if (code === HASH) return t > 0 || topic.charCodeAt(0) !== 0x24;
    if (code === PLUS) {
      if (t === 0 && topic.charCodeAt(0) === 0x24) return false;
      while (t < topicLength && topic.charCodeAt(t) !== SLASH) t++;
      f++;
    } else {
      while (f < filterLength && t < topicLength && filter.charCodeAt(f) === topic.charCodeAt(t) && filter.charCodeAt(f) !== SLASH) {
        f++;
        t++;
      }
    }
    // Both must now stand at the end of a level.
    const isFilterAtEnd = f === filterLength;
    if (!isFilterAtEnd && filter.charCodeAt(f) !== SLASH) return false;
    if (t === topicLength) return isFilterAtEnd || (f + 2 === filterLength && filter.charCodeAt(f + 1) === HASH);
    if (isFilterAtEnd || topic.charCodeAt(t) !== SLASH) return false;
    f++;
    t++;
    // An empty last level of the topic is a level of its own: "a/" is matched by "a/" and "a/+", not by "a".
    if (f === filterLength) return t === topicLength;
  }
  return t === topicLength;
}
