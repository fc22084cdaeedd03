// Raw sockets, and Node's own in their place: a connection cannot tell them apart.
import { connect, createServer, type Socket } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { ByteStream } from "./byte-stream.ts";
import { expectClosedForGood, expectEndAndClose, follow, Recorder, turns, writePile } from "./followed-stream.test-support.ts";
import { onPlainConnection } from "./plain-sockets.ts";
import { openRawSockets, RawSocket, type RawSockets } from "./raw-socket.ts";

const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** One accepted connection, followed and read, and its peer. */
async function open(raw: RawSockets | null) {
  const server = createServer();
  const recorder = new Recorder();
  const accepted = new Promise<ByteStream>((resolve) =>
    onPlainConnection(
      server,
      (socket) => {
        expect(socket instanceof RawSocket).toBe(raw !== null);
        expect(socket.remoteAddress).toBe("127.0.0.1");
        socket.setNoDelay(true);
        follow(socket, recorder);
        socket.resume();
        resolve(socket);
      },
      raw,
    ),
  );
  await new Promise<void>((resolve) => server.listen({ port: 0, host: "127.0.0.1" }, resolve));
  const address = server.address();
  const peer: Socket = connect({ port: typeof address === "object" ? (address?.port ?? 0) : 0, host: "127.0.0.1" });
  peer.on("error", () => undefined);
  const stream = await accepted;
  ends.push(() => {
    peer.destroy();
    stream.destroy();
    server.close();
  });
  return { stream, peer, recorder };
}

const raw = openRawSockets();

test("this Node has what raw sockets need: without it connections are slower, and right", () => {
  expect(raw).not.toBeNull();
});

describe.each([
  ["a raw socket", raw],
  ["a socket of Node's", null],
])("%s", (_name, kind) => {
  test("reads while it may: what comes meanwhile waits", async () => {
    const { stream, peer, recorder } = await open(kind);
    peer.write("one");
    await expect.poll(() => recorder.heard).toBe("one");
    stream.pause();
    stream.pause();
    peer.write("two");
    await new Promise<void>((resolve) => peer.write("three", () => resolve()));
    await turns();
    expect(recorder.heard).toBe("one");
    stream.resume();
    stream.resume();
    await expect.poll(() => recorder.heard).toBe("onetwothree");
  });

  test("writes whole and in order to a peer that reads late, says how much waits, and when nothing does", async () => {
    const { stream, peer, recorder } = await open(kind);
    peer.pause();
    const said = writePile(stream);
    let heard = "";
    expect(stream.writableLength).toBeGreaterThan(65_536);
    expect(recorder.events).toEqual([]);
    stream.end();
    peer.setEncoding("latin1").on("data", (text: string) => {
      heard += text;
    });
    const ended = new Promise((resolve) => peer.on("end", resolve));
    peer.resume();
    await ended;
    expect(heard === said).toBe(true);
    await expect.poll(() => recorder.events.at(-1)).toBe("closed");
    expect(stream.writableLength).toBe(0);
    expect(recorder.events.filter((event) => event === "closed")).toHaveLength(1);
  });

  test("says when the peer has said all, and closes once it has too", async () => {
    const { stream, peer, recorder } = await open(kind);
    await expectEndAndClose(stream, peer, recorder);
  });

  test("ends with its peer's reset, and with `destroy`, what was written left unsent: once, and without a word more", async () => {
    for (const cut of ["peer", "own"] as const) {
      const { stream, peer, recorder } = await open(kind);
      peer.pause();
      while (!stream.writableNeedDrain) stream.write(Buffer.alloc(1_000_000));
      if (cut === "peer") peer.resetAndDestroy();
      else stream.destroy();
      await expectClosedForGood(stream, recorder);
    }
  });
});
