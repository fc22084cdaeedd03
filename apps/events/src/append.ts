import { type AppendAck, type AppendFrame, PlatformError } from "@mooring/contracts";
import type { GroupCommit, StreamToken } from "./group-commit.ts";

/** Frames of one stream that may be under way at once; beyond it the stream is not read, which is how a slow Postgres slows the gateways. */
const framesInFlightMax = 64;
const frameRecordsMax = 1_000;

/**
 * One append stream: hands frames to the group commit as they come and yields their acknowledgements in order. Ends with the stream of frames;
 * throws when a frame could not be stored, since nothing after it may be stored before it.
 */
export async function* appendStream(commits: GroupCommit, frames: AsyncIterable<AppendFrame>): AsyncGenerator<AppendAck> {
  const stream: StreamToken = { failed: false };
  const inFlight: Promise<AppendAck>[] = [];
  const iterator = frames[Symbol.asyncIterator]();
  let reading: Promise<IteratorResult<AppendFrame>> | undefined = iterator.next();
  try {
    while (reading !== undefined || inFlight.length > 0) {
      const oldest = inFlight[0];
      if (reading !== undefined && inFlight.length < framesInFlightMax) {
        const next: IteratorResult<AppendFrame> | AppendAck = await (oldest === undefined ? reading : Promise.race([reading, oldest]));
        if (!("sequence" in next)) {
          reading = next.done ? undefined : iterator.next();
          if (!next.done) inFlight.push(commitFrame(commits, stream, next.value));
          continue;
        }
      }
      if (oldest === undefined) continue;
      inFlight.shift();
      yield await oldest;
    }
  } finally {
    stream.failed = true;
    for (const rest of inFlight) rest.catch(() => undefined);
    void iterator.return?.();
  }
}

function commitFrame(commits: GroupCommit, stream: StreamToken, frame: AppendFrame): Promise<AppendAck> {
  if (frame.records.length === 0 || frame.records.length > frameRecordsMax) {
    return Promise.reject(new PlatformError("invalidArgument", `a frame has 1 to ${frameRecordsMax} records, not ${frame.records.length}`));
  }
  const acknowledged = commits.append(stream, frame.records).then(({ lastOffset, refused }): AppendAck => {
    const { sequence } = frame;
    if (lastOffset === undefined) return { sequence, error: refused[0]?.reason ?? "nothing of it can be stored", refused };
    return refused.length === 0 ? { sequence, lastOffset } : { sequence, lastOffset, refused };
  });
  // The failure is met when its turn to be yielded comes; until then it must not count as unhandled.
  acknowledged.catch(() => undefined);
  return acknowledged;
}
