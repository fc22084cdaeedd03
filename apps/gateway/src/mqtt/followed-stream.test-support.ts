// A stream whose owner writes down what it is told, for what holds of raw sockets and of Node's own alike.
import type { Socket } from "node:net";
import { expect } from "vitest";
import { type ByteStream, followDuplex, type StreamOwner } from "./byte-stream.ts";
import { RawSocket } from "./raw-socket.ts";

export class Recorder implements StreamOwner {
  readonly events: string[] = [];
  heard = "";
  onChunk: () => void = () => undefined;
  onBytes(chunk: Buffer): void {
    this.heard += chunk.toString("latin1");
    this.onChunk();
  }
  onEnd(): void {
    this.events.push("end");
  }
  onDrain(): void {
    this.events.push("drain");
  }
  onClosed(): void {
    this.events.push("closed");
  }
}

export function follow(stream: RawSocket | Socket, recorder: Recorder): void {
  if (stream instanceof RawSocket) stream.owner = recorder;
  else {
    followDuplex(stream, recorder);
    stream.on("drain", () => recorder.onDrain());
  }
}

export async function turns(count = 20): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** More than the kernel takes for a peer that does not read, in single writes and in piles; returns what it was. */
export function writePile(stream: ByteStream): string {
  let said = "";
  for (let number = 0; !stream.writableNeedDrain || number < 60; number++) {
    const pieces = [`<${number}>`.padEnd(100_000, "a"), `(${number})`.padEnd(50_000, "b")];
    stream.cork();
    for (const piece of pieces) stream.write(Buffer.from(piece));
    stream.uncork();
    stream.write(Buffer.from(`${number}`));
    said += pieces.join("") + number;
  }
  return said;
}

/** Whatever is asked of it once it is closed, its owner hears no more. */
export async function expectClosedForGood(stream: ByteStream, recorder: Recorder): Promise<void> {
  await expect.poll(() => recorder.events.at(-1)).toBe("closed");
  stream.write(Buffer.from("x"));
  stream.pause();
  stream.resume();
  stream.end();
  stream.destroy();
  await turns();
  expect(recorder.events).toEqual(["closed"]);
}

/** The peer has said all. */
export async function expectEndAndClose(stream: ByteStream, peer: Socket, recorder: Recorder): Promise<void> {
  peer.end("bye");
  await expect.poll(() => recorder.events).toContain("end");
  expect(recorder.heard).toBe("bye");
  stream.end();
  await expect.poll(() => recorder.events).toEqual(["end", "closed"]);
}
