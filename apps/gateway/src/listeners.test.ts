import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { pause } from "@mooring/kit";
import { encodeConnect, encodePingreq, encodePublish, ProtocolLevel } from "@mooring/mqtt";
import { describe, expect, test } from "vitest";
import { WebSocket } from "ws";
import { useGateway } from "./fixture.test-support.ts";
import { secretConnect } from "./harness.test-support.ts";
import { openTcp } from "./mqtt-client.test-support.ts";

const fixture = useGateway();
const connectPacket = encodeConnect({
  protocolLevel: ProtocolLevel.V5,
  cleanStart: true,
  keepAliveS: 0,
  clientId: "web",
  username: null,
  password: null,
  will: null,
  properties: null,
});

describe("TLS", () => {
  test.each([["mqtt"], ["x-amzn-mqtt-ca"]])("ALPN %s is spoken", async (name) => {
    const { ca } = await fixture.harness.credential("dev-1");
    const [host, port] = (fixture.harness.gateway.addresses.mqtts ?? "").split(":");
    const socket = connectTls({ host, port: Number(port), ca, ALPNProtocols: [name] });
    await new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    expect(socket.alpnProtocol).toBe(name);
    socket.destroy();
  });

  test("a client that offers something else is refused in the handshake", async () => {
    const { ca } = await fixture.harness.credential("dev-1");
    const [host, port] = (fixture.harness.gateway.addresses.mqtts ?? "").split(":");
    const socket = connectTls({ host, port: Number(port), ca, ALPNProtocols: ["h2"] });
    const error = await new Promise<Error>((resolve) => socket.once("error", resolve));
    expect(error.message).toMatch(/application.protocol/i);
  });
});

/** Resolves with the first bytes of MQTT that come, or with how it ended. */
function answerOf(socket: WebSocket): Promise<Buffer | string> {
  return new Promise((resolve) => {
    socket.once("message", (data) => resolve(data as Buffer));
    socket.once("unexpected-response", (_request, response) => resolve(`HTTP ${response.statusCode}`));
    socket.once("error", (error) => resolve(error.message));
    socket.once("close", (code) => resolve(`closed ${code}`));
  });
}

describe("WebSocket (MQTT 5 s6)", () => {
  test("over TLS a device is known by its certificate", async () => {
    const { ca, certificatePem: cert, keyPem: key } = await fixture.harness.credential("dev-1");
    const socket = new WebSocket(`wss://${fixture.harness.gateway.addresses.mqttWss}/mqtt`, "mqtt", { ca, cert, key });
    const answer = answerOf(socket);
    // A packet in two frames [MQTT-6.0.0-2].
    socket.once("open", () => {
      socket.send(connectPacket.subarray(0, 5));
      socket.send(connectPacket.subarray(5));
    });
    const connack = (await answer) as Buffer;
    expect([connack[0], connack[3]]).toEqual([0x20, 0]);
    expect(socket.protocol).toBe("mqtt");
    socket.terminate();
  });

  test("without TLS by its secret; the subprotocol of MQTT 3.1 is answered too [MQTT-6.0.0-4]", async () => {
    await fixture.harness.credential("dev-1");
    fixture.harness.devices.secrets.set("dev-1", "s");
    const socket = new WebSocket(`ws://${fixture.harness.gateway.addresses.mqttWs}`, "mqttv3.1");
    const answer = answerOf(socket);
    socket.once("open", () => {
      const nobody = { username: null, password: null, will: null, properties: null };
      const packet = { protocolLevel: ProtocolLevel.V311, cleanStart: true, keepAliveS: 0, clientId: "web", ...nobody };
      socket.send(encodeConnect({ ...packet, ...secretConnect("dev-1", "s", 3) }));
    });
    expect(await answer).toEqual(Buffer.from([0x20, 2, 0, 0]));
    expect(socket.protocol).toBe("mqttv3.1");
    socket.terminate();
  });

  test("a text frame ends the connection [MQTT-6.0.0-1]", async () => {
    const socket = new WebSocket(`ws://${fixture.harness.gateway.addresses.mqttDevWs}/mqtt`, "mqtt");
    const answer = answerOf(socket);
    socket.once("open", () => socket.send("MQTT"));
    expect(await answer).toBe("closed 1003");
  });

  test.each([
    ["without a subprotocol", []],
    ["with another one", ["chat"]],
  ])("a client %s is refused: 400 [MQTT-6.0.0-3]", async (_what, offered) => {
    const socket = new WebSocket(`ws://${fixture.harness.gateway.addresses.mqttDevWs}/mqtt`, offered);
    expect(await answerOf(socket)).toBe("HTTP 400");
  });

  test("plain HTTP is told to upgrade: 426", async () => {
    const response = await fetch(`http://${fixture.harness.gateway.addresses.mqttDevWs}/`);
    expect(response.status).toBe(426);
  });

  test("one huge message before CONNECT is refused while it is being sent: 1009", async () => {
    const socket = new WebSocket(`ws://${fixture.harness.gateway.addresses.mqttDevWs}/mqtt`, "mqtt");
    await new Promise((resolve) => socket.once("open", resolve));
    const answer = answerOf(socket);
    // A frame that is never whole: 900,000 bytes are announced.
    const raw = (socket as unknown as { readonly _socket: Socket })._socket;
    raw.write(Buffer.concat([Buffer.from([0x82, 0xff, 0, 0, 0, 0, 0, 0x0d, 0xbb, 0xa0, 0, 0, 0, 0]), Buffer.alloc(60_000)]));
    expect(await answer).toBe("closed 1009");
  });

  test("behind its CONNECT a client may send messages larger than a stranger's, and many small ones, at once", async () => {
    const socket = new WebSocket(`ws://${fixture.harness.gateway.addresses.mqttDevWs}/mqtt`, "mqtt");
    await new Promise((resolve) => socket.once("open", resolve));
    let bytes = 0;
    socket.on("message", (data: Buffer) => {
      bytes += data.length;
    });
    for (const byte of connectPacket) socket.send(Buffer.of(byte));
    const large = { topic: "a", payload: Buffer.alloc(150_000), qos: 1, retain: false, dup: false, properties: null } as const;
    for (let packetId = 1; packetId <= 3; packetId++) socket.send(encodePublish({ ...large, packetId }, ProtocolLevel.V5));
    const ping = encodePingreq();
    for (let i = 0; i < 10_000; i++) socket.send(ping);
    await expect.poll(() => bytes).toBeGreaterThan(20_000);
    expect(socket.readyState).toBe(socket.OPEN);
    socket.terminate();
  });

  test("behind a text frame nothing is read, and the connection ends though the client does not say goodbye [MQTT-6.0.0-1]", async () => {
    const { mqttDev, mqttDevWs } = fixture.harness.gateway.addresses;
    const observer = await openTcp(mqttDev, ProtocolLevel.V5).signOn({ clientId: "observer" });
    fixture.clients.push(observer);
    await observer.subscribe("said");
    const socket = await openRaw(mqttDevWs);
    const isClosed = new Promise<void>((resolve) => socket.once("close", resolve));
    const opened = new Promise((resolve) => socket.once("data", resolve));
    const key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    socket.write(`GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n${key}Sec-WebSocket-Protocol: mqtt\r\n\r\n`);
    await opened;
    const say = (payload: string): Buffer => frame(0x82, encodePublish({ ...said, payload: Buffer.from(payload) }, ProtocolLevel.V5));
    socket.write(Buffer.concat([frame(0x82, connectPacket), say("before"), frame(0x81, Buffer.from("text")), say("behind")]));
    await isClosed;
    expect(await observer.acknowledged(observer.publish("said", "end"))).toBe(0);
    expect(observer.messages.map(({ payload }) => payload)).toEqual(["before", "end"]);
  });

  test("a message may hold more packets than may be unacknowledged [MQTT-6.0.0-2]", async () => {
    const { mqttDev, mqttDevWs } = fixture.harness.gateway.addresses;
    const kept = { clientId: "kept", properties: { sessionExpiryIntervalS: 60 } };
    const subscriber = await openTcp(mqttDev, ProtocolLevel.V5).signOn(kept);
    fixture.clients.push(subscriber);
    await subscriber.subscribe("said");
    const socket = new WebSocket(`ws://${mqttDevWs}/mqtt`, "mqtt");
    await new Promise((resolve) => socket.once("open", resolve));
    let bytes = 0;
    socket.on("message", (data: Buffer) => {
      bytes += data.length;
    });
    const nobody = { username: null, password: null, will: null, properties: null };
    socket.send(encodeConnect({ protocolLevel: ProtocolLevel.V311, cleanStart: true, keepAliveS: 0, clientId: "many", ...nobody }));
    await expect.poll(() => bytes).toBe(4);
    const count = 2_500;
    const packets = Array.from({ length: count }, (_, at) =>
      encodePublish({ ...said, payload: Buffer.alloc(300), qos: 1, packetId: at + 1 }, ProtocolLevel.V311),
    );
    socket.send(Buffer.concat(packets));
    await expect.poll(() => bytes, { timeout: 10_000 }).toBe(4 + count * 4);
    socket.terminate();
  });
});

const said = { topic: "said", qos: 0, retain: false, dup: false, packetId: 0, properties: null } as const;

/** A WebSocket frame as a client sends it, of up to 125 bytes, under a mask that changes nothing. */
function frame(first: number, bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(first, 0x80 | bytes.length, 0, 0, 0, 0), bytes]);
}

function openRaw(address = ""): Promise<Socket> {
  const [host, port] = address.split(":");
  return new Promise((resolve) => {
    const socket = connectTcp(Number(port), host, () => resolve(socket));
    socket.on("error", () => undefined);
  });
}

describe("a stranger that resets its connection harms nobody", () => {
  const asked = [
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n",
    "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "nonsense\r\n\r\n",
    "",
  ];

  test.each(["mqtt", "mqtts", "mqttWs", "mqttWss", "https", "mqttDev", "mqttDevWs", "mqttDevTls", "mqttPsk"] as const)(
    "at %s",
    async (door) => {
      const thrown: unknown[] = [];
      const onThrown = (error: unknown): void => void thrown.push(error);
      process.on("uncaughtException", onThrown);
      const address = fixture.harness.gateway.addresses[door];
      const { ca } = await fixture.harness.credential("dev-1");
      const isSecure = !["mqtt", "mqttWs", "mqttDev", "mqttDevWs", "mqttPsk"].includes(door);
      for (const text of asked) {
        for (const waits of [true, false]) {
          const raw = await openRaw(address);
          const ended = new Promise((resolve) => raw.once("close", resolve));
          const socket = isSecure ? await secured(raw, ca) : raw;
          const answered = new Promise((resolve) => socket.once("data", resolve));
          socket.write(text);
          if (waits) await Promise.race([answered, ended, pause(50)]);
          raw.resetAndDestroy();
          await ended;
        }
      }
      const last = await openRaw(address);
      await pause(50);
      last.destroy();
      process.off("uncaughtException", onThrown);
      expect(thrown).toEqual([]);
    },
  );
});

function secured(socket: Socket, ca: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const over = connectTls({ socket, ca, servername: "localhost" }, () => resolve(over));
    over.on("error", reject);
  });
}
