import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";
import { until } from "./until.ts";

describe("a fault proxy", () => {
  let server: Server;
  let proxy: FaultProxy;
  let accepted: Socket[] = [];
  let echoed = 0;
  const clients: Socket[] = [];

  beforeEach(async () => {
    accepted = [];
    echoed = 0;
    server = createServer((socket) => {
      accepted.push(socket);
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        echoed += chunk.length;
        socket.write(chunk);
      });
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    proxy = await startFaultProxy({ target: () => `127.0.0.1:${port}`, random: () => 0.5 });
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await proxy.stop();
    for (const socket of accepted) socket.destroy();
    server.close();
  });

  async function open(): Promise<{ readonly socket: Socket; readonly text: () => string; readonly isClosed: () => boolean }> {
    const [host = "", port] = proxy.address.split(":");
    const socket = connect(Number(port), host);
    clients.push(socket);
    let text = "";
    let closed = false;
    socket.on("error", () => undefined);
    socket.on("close", () => {
      closed = true;
    });
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    await once(socket, "connect");
    return { socket, text: () => text, isClosed: () => closed };
  }

  test("passes bytes on in both directions, and the end of either side", async () => {
    const { socket, text } = await open();
    socket.write("hello");
    await until("the echo", () => text() === "hello");
    accepted[0]?.end("bye");
    await once(socket, "end");
    expect(text()).toBe("hellobye");
  });

  test("delays pieces and keeps their order", async () => {
    const { socket, text } = await open();
    proxy.set({ kind: "delay", ms: 50 });
    const startMs = performance.now();
    for (let n = 0; n < 10; n += 1) {
      socket.write(`${n}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    proxy.set({ kind: "clear" });
    socket.write("!");
    await until("the echo", () => text().length === 11);
    expect(text()).toBe("0123456789!");
    expect(performance.now() - startMs).toBeGreaterThan(70);
  });

  test("cuts each connection after so many bytes as chance wants, those that come later too", async () => {
    proxy.set({ kind: "cut", bytesMax: 1_000 });
    for (let round = 0; round < 2; round += 1) {
      const { socket, isClosed } = await open();
      const before = echoed;
      socket.write("x".repeat(5_000));
      await until("the cut", isClosed);
      expect(echoed - before).toBeLessThanOrEqual(501);
    }
    proxy.set({ kind: "clear" });
    const { socket, text } = await open();
    socket.write("again");
    await until("the echo", () => text() === "again");
  });

  test("swallows everything while both ends stay open; what was swallowed stays dead, and what comes after it lives", async () => {
    const before = await open();
    before.socket.write("1");
    await until("the echo", () => before.text() === "1");
    proxy.set({ kind: "halfOpen" });
    const during = await open();
    before.socket.write("2");
    during.socket.write("3");
    accepted[0]?.write("4");
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect([before.text(), during.text(), echoed, accepted.length]).toEqual(["1", "", 1, 1]);
    proxy.set({ kind: "clear" });
    before.socket.write("5");
    const after = await open();
    after.socket.write("6");
    await until("the echo", () => after.text() === "6");
    expect([before.text(), before.isClosed(), during.isClosed()]).toEqual(["1", false, false]);
  });

  test("an end that closed while nothing came through is told to the other one when the network is back", async () => {
    const { socket, text } = await open();
    socket.write("1");
    await until("the echo", () => text() === "1");
    proxy.set({ kind: "halfOpen" });
    socket.destroy();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(accepted[0]?.destroyed).toBe(false);
    proxy.set({ kind: "clear" });
    await until("the other end to hear of it", () => accepted[0]?.destroyed);
    expect(proxy.connections).toBe(0);
  });
});
