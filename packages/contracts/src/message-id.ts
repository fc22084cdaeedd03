/**
 * Message ids of calls are decimal int64, as devices of the Alibaba dialect expect: the upper 15 bits are the number of the node that waits
 * for the answer, so that a gateway knows where to send it; the lower 48 count.
 */
const countBits = 48n;
const countMask = (1n << countBits) - 1n;
const messageIdPattern = /^[1-9]\d{0,18}$/;

/** Ids of one node. `start` should be random: a restarted node must not reuse the ids of calls still on their way. */
export function createMessageIds(nodeNumber: () => number, start: bigint): () => string {
  let count = start & countMask;
  return () => {
    count = (count + 1n) & countMask;
    return String((BigInt(nodeNumber()) << countBits) | count);
  };
}

/** The number of the node that waits for this id; undefined for what is no id of ours. */
export function nodeNumberOf(messageId: string): number | undefined {
  if (!messageIdPattern.test(messageId)) return undefined;
  const number = Number(BigInt(messageId) >> countBits);
  return number >= 1 && number <= 32_767 ? number : undefined;
}
