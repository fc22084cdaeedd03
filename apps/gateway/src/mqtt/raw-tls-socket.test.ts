// Connections of a TLS listener as raw sockets, and as Node's own in their place: their owner cannot tell them apart.
import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { findClient } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import type { ByteStream } from "./byte-stream.ts";
import { expectClosedForGood, expectEndAndClose, turns, writePile } from "./followed-stream.test-support.ts";
import { RawTlsSocket } from "./raw-tls-socket.ts";
import { openSecureSockets } from "./secure-sockets.ts";
import { type Accepted, device, ends, listen, open, openOpenssl, own, portOf } from "./tls-listener.test-support.ts";

const secure = openSecureSockets();
const openssl = await findClient("openssl");

test("this Node has what raw sockets over TLS need: without it connections are larger, and right", async () => {
  expect(secure).not.toBeNull();
  const { stream } = await open(secure);
  expect(stream).toBeInstanceOf(RawTlsSocket);
  expect((stream as RawTlsSocket).remoteAddress).toBe("127.0.0.1");
});

describe.each([
  ["a raw socket, TLS 1.3", secure, "TLSv1.3"],
  ["a raw socket, TLS 1.2", secure, "TLSv1.2"],
  ["a socket of Node's", null, "TLSv1.3"],
] as const)("%s", (_name, kind, version) => {
  const only = { minVersion: version, maxVersion: version };

  test("a buffer that it has copied is its writer's again, with more written than the peer reads", async () => {
    const { stream, peer } = await open(kind, only);
    let heard = "";
    peer.pause();
    let said = "";
    let copied = 0;
    const write = (buffer: Buffer): void => {
      said += buffer.toString("latin1");
      stream.write(buffer);
      if (stream.hasCopied !== true) return;
      copied++;
      buffer.fill("-");
    };
    // The first of a pile is encrypted at once, those behind it wait for it; a pile larger than the kernel takes; several buffers in one write.
    for (const [at, size] of [100, 50, 70, 4_000_000, 30, 20].entries()) write(Buffer.alloc(size, "abcdef"[at]));
    peer.on("data", (data: Buffer) => {
      heard += data.toString("latin1");
    });
    peer.resume();
    await expect.poll(() => heard.length, { timeout: 5_000 }).toBe(said.length);
    const pieces = ["x", "y", "z"].map((letter) => Buffer.alloc(20_000, letter));
    stream.cork();
    for (const piece of pieces) stream.write(piece);
    stream.uncork();
    if (stream.hasCopied === true) for (const piece of pieces) piece.fill("-");
    said += "x".repeat(20_000) + "y".repeat(20_000) + "z".repeat(20_000);
    await expect.poll(() => heard.length).toBe(said.length);
    expect(heard === said).toBe(true);
    expect(copied > 0).toBe(kind !== null);
  });

  test("reads while it may: what is decrypted meanwhile waits, and the end behind it too", async () => {
    const { stream, peer, recorder } = await open(kind, only);
    recorder.onChunk = () => stream.pause();
    let said = "";
    for (const letter of "abc") {
      const text = letter.repeat(16_384);
      said += text;
      peer.write(text);
    }
    peer.end();
    await expect.poll(() => recorder.heard.length).toBeGreaterThan(0);
    await turns();
    expect(recorder.heard.length).toBeLessThanOrEqual(16_384);
    expect(recorder.events).toEqual([]);
    // Whoever asks for more is not told from within.
    const before = recorder.heard.length;
    stream.resume();
    expect(recorder.heard.length).toBe(before);
    await expect.poll(() => recorder.heard.length).toBeGreaterThan(before);
    recorder.onChunk = () => undefined;
    stream.resume();
    await expect.poll(() => recorder.events).toContain("end");
    expect(recorder.heard === said).toBe(true);
  });

  test("writes whole and in order to a peer that reads late, says how much waits, and when nothing does", async () => {
    const { stream, peer, recorder } = await open(kind, only);
    peer.pause();
    const said = writePile(stream);
    let heard = "";
    await turns();
    expect(stream.writableLength).toBeGreaterThan(65_536);
    expect(recorder.events).toEqual([]);
    peer.setEncoding("latin1").on("data", (text: string) => {
      heard += text;
    });
    peer.resume();
    await expect.poll(() => recorder.events).toEqual(["drain"]);
    expect(stream.writableLength).toBe(0);
    stream.write(Buffer.from("last"));
    const ended = once(peer, "end");
    stream.end();
    await ended;
    expect(heard === `${said}last`).toBe(true);
    await expect.poll(() => recorder.events.at(-1)).toBe("closed");
    expect(recorder.events.filter((event) => event === "closed")).toHaveLength(1);
  });

  test("says when the peer has said all, and closes once it has too", async () => {
    const { stream, peer, recorder } = await open(kind, only);
    await expectEndAndClose(stream, peer, recorder);
  });

  test("ends with its peer's reset, with what is no TLS, and with `destroy`, what was written left unsent: once, and without a word more", async () => {
    for (const cut of ["peer", "garbage", "own"] as const) {
      const { stream, peer, below, recorder } = await open(kind, only);
      peer.pause();
      // More than the kernel takes for a peer that does not read.
      for (let count = 0; count < 20; count++) stream.write(Buffer.alloc(1_000_000));
      await turns();
      expect(stream.writableNeedDrain).toBe(true);
      if (cut === "peer") below.resetAndDestroy();
      else if (cut === "own") stream.destroy();
      else below.write("no record of TLS at all");
      await expectClosedForGood(stream, recorder);
    }
  });

  test("what comes behind `destroy` in the same read is not heard", async () => {
    const { stream, peer, recorder } = await open(kind, only);
    recorder.onChunk = () => stream.destroy();
    peer.cork();
    for (const letter of "abc") peer.write(letter.repeat(16_384));
    peer.uncork();
    await expect.poll(() => recorder.events).toEqual(["closed"]);
    expect(recorder.heard.length).toBeLessThanOrEqual(16_384);
  });

  test("leaves nothing behind: its server counts none, and no handle is left", async () => {
    const accepted: Accepted[] = [];
    const server = await listen(kind, (one) => accepted.push(one));
    const sockets = (): number => process.getActiveResourcesInfo().filter((name) => name === "TCPSocketWrap").length;
    const before = sockets();
    const connected = Array.from({ length: 50 }, async () => {
      const peer = connect({ port: portOf(server), rejectUnauthorized: false, cert: device.pem, key: device.keyPem, ...only });
      peer.on("error", () => undefined);
      await once(peer, "secureConnect");
      return peer;
    });
    const peers = await Promise.all(connected);
    await expect.poll(() => accepted.length).toBe(50);
    // Whose peer is whose is not known: each connection ends in one way or another, or in two.
    for (const [index, { stream }] of accepted.entries()) {
      stream.write(Buffer.alloc(1_000));
      if (index % 3 === 0) stream.destroy();
      else if (index % 3 === 1) stream.end();
    }
    for (const [index, peer] of peers.entries()) {
      if (index % 2 === 0) peer.end();
      else peer.destroy();
    }
    await expect.poll(() => accepted.every(({ recorder }) => recorder.events.length > 0)).toBe(true);
    for (const { stream } of accepted) stream.end();
    for (const peer of peers) peer.destroy();
    await expect.poll(() => accepted.every(({ recorder }) => recorder.events.at(-1) === "closed")).toBe(true);
    await expect.poll(sockets).toBe(before);
    expect(await new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))).toBe(0);
  });
});

describe.each([
  ["a raw socket", secure],
  ["a socket of Node's", null],
] as const)("%s and openssl", (_name, kind) => {
  test.skipIf(openssl === undefined)("new keys on either side's wish: what is said before and behind them is heard", async () => {
    if (openssl === undefined) return;
    const { stream, recorder, say, said } = await openOpenssl(openssl, kind, "-tls1_3");
    say("one\n");
    await expect.poll(() => recorder.heard).toBe("one\n");
    for (const [index, command] of ["k\n", "K\n"].entries()) {
      say(command);
      await expect.poll(() => said().split("KEYUPDATE").length).toBe(index + 2);
      say("two\n");
      await expect.poll(() => recorder.heard).toContain("two\n");
      stream.write(Buffer.from(`answer to ${command}`));
      await expect.poll(() => said()).toContain(`answer to ${command}`);
    }
    expect(recorder.heard).toBe("one\ntwo\ntwo\n");
    expect(recorder.events).toEqual([]);
  });

  test.skipIf(openssl === undefined)("a second handshake of TLS 1.2 is refused, in TLS", async () => {
    if (openssl === undefined) return;
    const { recorder, say, said, exited } = await openOpenssl(openssl, kind, "-tls1_2");
    say("one\n");
    await expect.poll(() => recorder.heard).toBe("one\n");
    say("R\n");
    await expect.poll(() => said()).toContain("RENEGOTIATING");
    // It takes the refusal for the end.
    await exited;
    expect(said()).toMatch(/no renegotiation/i);
    await expect.poll(() => recorder.events.length).toBeGreaterThan(0);
    expect(recorder.heard).toBe("one\n");
  });

  test.skipIf(openssl === undefined)("the end is said in TLS, behind a write that is in flight", async () => {
    if (openssl === undefined) return;
    const { stream, recorder, said, exited } = await openOpenssl(openssl, kind, "-tls1_3");
    stream.write(Buffer.from("first"));
    stream.write(Buffer.from("last"));
    stream.end();
    await exited;
    expect(said()).toContain("firstlast");
    expect(said()).not.toMatch(/unexpected eof/i);
    await expect.poll(() => recorder.events.at(-1)).toBe("closed");
  });
});

test("Node's two sockets and their streams are garbage once the raw socket has their handles", async () => {
  if (secure === null) return;
  const refs: WeakRef<object>[] = [];
  let stream: ByteStream | undefined;
  const server = await listen(secure, (one, socket) => {
    stream = one.stream;
    refs.push(new WeakRef(socket));
  });
  server.on("connection", (socket: Socket) => refs.push(new WeakRef(socket)));
  const peer = connect({ port: portOf(server), rejectUnauthorized: false });
  await once(peer, "secureConnect");
  await expect.poll(() => refs.length).toBe(2);
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await expect
    .poll(() => {
      collect();
      return refs.filter((ref) => ref.deref() !== undefined).length;
    })
    .toBe(0);
  stream?.write(Buffer.from("still here"));
  expect(String((await once(peer, "data"))[0])).toBe("still here");
  peer.destroy();
  stream?.destroy();
});

test("a socket that has read or ended already is left as it is", async () => {
  if (secure === null) return;
  const server = createServer({ cert: own.pem, key: own.keyPem });
  ends.push(() => server.close());
  const accepted = once(server, "secureConnection") as Promise<[TLSSocket]>;
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const peer = connect({ port: portOf(server), rejectUnauthorized: false });
  const [socket] = await accepted;
  ends.push(() => socket.destroy());
  peer.write("early");
  await expect.poll(() => socket.readableLength).toBe(5);
  expect(secure.take(socket)).toBeNull();
  const [heard] = await once(socket, "data");
  expect(String(heard)).toBe("early");
  peer.end();
  await once(socket, "end");
  expect(secure.take(socket)).toBeNull();
});
