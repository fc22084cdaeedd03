import { readFileSync } from "node:fs";
import { connect, type TLSSocket } from "node:tls";
import {
  ClientDecoder,
  type ClientPacketHandler,
  type ConnackPacket,
  encodeConnect,
  encodePingreq,
  encodePublish,
  ProtocolLevel,
} from "@mooring/mqtt";
import type { MessageLedger } from "@mooring/testkit";
import type { TestDevice } from "../e2e/harness/devices.ts";

/** Messages under way at a time. */
const windowMax = 20;
const reconnectMs = 200;
/** Longer than anything a healthy platform needs, shorter than what a frozen one is given. */
const silenceMsMax = 15_000;
/** A platform gives a device up after one and a half times this [MQTT-3.1.2-22]; it says something more often than that. */
const keepAliveS = 10;
const pingMs = 5_000;
const packetBytesMax = 65_536;
/** Of those connections that were refused or lost, what was said is kept for the report. */
const reasonsMax = 5;

/** What is sent and not acknowledged, oldest first. */
interface Pending {
  readonly sequence: number;
  packetId: number;
}

/**
 * A device as firmware is: it sends in order, keeps what is not acknowledged, and after a loss connects again and sends that again, in order,
 * under the same `message-id`. It writes into the ledger what it is about to send, and what was acknowledged.
 */
export class LedgerDevice implements ClientPacketHandler {
  readonly name: string;
  readonly #device: TestDevice;
  readonly #ledger: MessageLedger;
  readonly #pending: Pending[] = [];
  readonly #tls: { readonly ca: Buffer; readonly cert: Buffer; readonly key: Buffer };
  #socket: TLSSocket | undefined;
  #decoder: ClientDecoder | undefined;
  #isOnline = false;
  #isStopped = false;
  #nextPacketId = 1;
  #due = 0;
  #heardAtMs = 0;
  #saidAtMs = 0;
  #timer: NodeJS.Timeout | undefined;
  connections = 0;
  readonly reasons: string[] = [];

  constructor(device: TestDevice, ledger: MessageLedger) {
    this.name = device.deviceName;
    this.#device = device;
    this.#ledger = ledger;
    const [ca, cert, key] = [device.platform.caFile, device.certFile, device.keyFile].map((file) => readFileSync(file));
    this.#tls = { ca: ca as Buffer, cert: cert as Buffer, key: key as Buffer };
  }

  get unacknowledged(): number {
    return this.#pending.length + this.#due;
  }

  start(): void {
    this.#isStopped = false;
    this.#connect();
  }

  /** One more message is to be sent; it leaves when the window has room. */
  post(): void {
    this.#due += 1;
    this.#fill();
  }

  /** What is due is let go; what was sent is still waited for. */
  hold(): void {
    this.#due = 0;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  /** Keeps a quiet connection alive, and gives one up on which nothing was heard for too long; devices do so too. */
  watch(nowMs: number): void {
    if (this.#socket === undefined) return;
    if (nowMs - this.#heardAtMs > silenceMsMax) return this.#drop("nothing was heard");
    if (!this.#isOnline || nowMs - Math.max(this.#saidAtMs, this.#heardAtMs) < pingMs) return;
    this.#saidAtMs = nowMs;
    this.#socket.write(encodePingreq());
  }

  #connect(): void {
    const { host, port } = this.#device.platform.mqtts;
    this.#heardAtMs = performance.now();
    this.#decoder = new ClientDecoder(this, packetBytesMax, ProtocolLevel.V5);
    const socket = connect({ host, port, ...this.#tls, checkServerIdentity: () => undefined }, () => {
      const packet = { protocolLevel: ProtocolLevel.V5, cleanStart: true, keepAliveS, clientId: this.name } as const;
      socket.write(encodeConnect({ ...packet, username: null, password: null, will: null, properties: null }));
    });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => {
      this.#heardAtMs = performance.now();
      if (this.#socket === socket && this.#decoder?.push(chunk) !== 0) this.#drop("malformed bytes came");
    });
    socket.on("error", (error) => this.#note(error.message));
    socket.on("close", () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#isOnline = false;
      if (!this.#isStopped) this.#timer = setTimeout(() => this.#connect(), reconnectMs * (0.5 + Math.random()));
    });
  }

  #drop(reason: string): void {
    this.#note(reason);
    this.#isOnline = false;
    this.#socket?.destroy();
  }

  #note(reason: string): void {
    this.reasons.push(reason);
    if (this.reasons.length > reasonsMax) this.reasons.shift();
  }

  #fill(): void {
    while (this.#isOnline && this.#due > 0 && this.#pending.length < windowMax) {
      this.#due -= 1;
      const pending = { sequence: this.#ledger.intend(this.name), packetId: 0 };
      this.#pending.push(pending);
      this.#send(pending);
    }
  }

  #send(pending: Pending): void {
    pending.packetId = this.#nextPacketId;
    this.#nextPacketId = (this.#nextPacketId % 65_535) + 1;
    const params = { FirmwareVersion: `1.0.${pending.sequence}` };
    const payload = Buffer.from(JSON.stringify({ id: `${pending.sequence}`, version: "1.0", sys: { ack: 0 }, params }));
    const properties = { userProperties: [["message-id", `${pending.sequence}`]] as [string, string][] };
    const topic = this.#device.topic("propertyPost");
    // A new session knows nothing of what was sent before, so this is no DUP in the protocol's sense [MQTT-3.3.1-1]; the id tells.
    const message = { topic, payload, qos: 1, retain: false, dup: false, packetId: pending.packetId, properties } as const;
    this.#socket?.write(encodePublish(message, ProtocolLevel.V5));
  }

  onConnack({ reasonCode }: ConnackPacket): void {
    if (reasonCode !== 0) return this.#drop(`CONNACK ${reasonCode}`);
    this.connections += 1;
    this.#isOnline = true;
    for (const pending of this.#pending) this.#send(pending);
    this.#fill();
  }

  onPuback(packetId: number, reasonCode: number): void {
    const place = this.#pending.findIndex((pending) => pending.packetId === packetId);
    const pending = this.#pending[place];
    if (pending === undefined) return this.#drop(`PUBACK of ${packetId}, which is not under way`);
    // A platform that cannot store now says so; the message is sent again, and those after it, so that order stays.
    if (reasonCode >= 0x80) return this.#drop(`PUBACK with ${reasonCode}`);
    this.#pending.splice(place, 1);
    this.#ledger.acknowledge({ device: this.name, sequence: pending.sequence });
    this.#fill();
  }

  onDisconnect(): void {
    this.#drop("the platform disconnected");
  }

  onPublish(): void {
    this.#drop("a PUBLISH came");
  }

  onPubrec(): void {
    this.#drop("a PUBREC came");
  }

  onPubrel(): void {
    this.#drop("a PUBREL came");
  }

  onPubcomp(): void {
    this.#drop("a PUBCOMP came");
  }

  onAuth(): void {
    this.#drop("an AUTH came");
  }

  onSuback(): void {
    this.#drop("a SUBACK came");
  }

  onUnsuback(): void {
    this.#drop("an UNSUBACK came");
  }

  onPingresp(): void {
    this.#heardAtMs = performance.now();
  }
}
