import { randomBytes } from "node:crypto";
import type { ProtocolLevel } from "@mooring/mqtt";
import { Client, type ConnectOptions } from "./client.ts";
import type { Address, Target } from "./target.ts";
import { levelOf, type VersionName } from "./versions.ts";
import { openTcp, openWebSocket, type WebSocketWire } from "./wire.ts";

const answerMsMax = 5_000;

/** The judged broker as one test sees it: names of its own, and connections that end with it. */
export class Broker {
  readonly target: Target;
  readonly version: VersionName;
  readonly level: ProtocolLevel;
  readonly isV5: boolean;
  readonly #token = `c${randomBytes(6).toString("hex")}`;
  readonly #clients: Client[] = [];
  #names = 0;

  constructor(target: Target, version: VersionName) {
    this.target = target;
    this.version = version;
    this.level = levelOf[version];
    this.isV5 = version === "5.0";
  }

  /** A topic that only this test uses. */
  topic(rest = "t"): string {
    return `${this.#token}/${rest}`;
  }

  /** A client id that only this test uses, of at most 23 letters and digits. */
  clientId(): string {
    this.#names += 1;
    return `${this.#token}n${this.#names}`;
  }

  /** Whether a topic is of this test: for subscriptions that reach further. */
  isMine = (topic: string): boolean => topic.includes(this.#token);

  /** A connection on which nothing of MQTT was said. */
  async open(address: Address = this.target.tcp, level = this.level): Promise<Client> {
    const client = this.#newClient(level);
    return client.attach(await openTcp(address, client.inbox));
  }

  /** All that comes back on a connection of its own for these bytes, until the broker closes it. */
  async answerTo(bytes: Uint8Array): Promise<Buffer> {
    const heard: Buffer[] = [];
    const closed = Promise.withResolvers<Buffer>();
    const wire = await openTcp(this.target.tcp, {
      onBytes: (more) => heard.push(more),
      onClosed: () => closed.resolve(Buffer.concat(heard)),
    });
    const give = (): void => {
      closed.reject(new Error(`not closed after ${Buffer.concat(heard).toString("hex")}`));
      wire.drop();
    };
    const timer = setTimeout(give, answerMsMax);
    wire.send(bytes);
    return closed.promise.finally(() => clearTimeout(timer));
  }

  /** The same over WebSocket. */
  async openWebSocket(protocols?: readonly string[]): Promise<{ readonly client: Client; readonly wire: WebSocketWire }> {
    const client = this.#newClient(this.level);
    const wire = await openWebSocket(this.target.webSocketUrl ?? "", client.inbox, protocols);
    return { client: client.attach(wire), wire };
  }

  /** A client that was let in. Its session ends with it unless told otherwise; see `kept`. */
  async connect(options: ConnectOptions = {}): Promise<Client> {
    const client = await this.open();
    await client.connect({ clientId: this.clientId(), ...options });
    return client;
  }

  /** A client that was let in, and whether the broker still had its session. */
  async resume(options: ConnectOptions): Promise<{ readonly client: Client; readonly sessionPresent: boolean }> {
    const client = await this.open();
    const { sessionPresent } = await client.connect(options);
    return { client, sessionPresent };
  }

  /** How to connect so that the session outlives the connection: for long before MQTT 5, else for this many seconds. */
  kept(clientId: string, expiryS = 600): ConnectOptions & { readonly clientId: string } {
    return { clientId, cleanStart: false, properties: { sessionExpiryIntervalS: expiryS } };
  }

  /**
   * Nothing is there for `subscriber` of all that `publisher` has published: the next message it gets is one published after all that.
   */
  async expectNothing(subscriber: Client, publisher: Client): Promise<void> {
    this.#names += 1;
    const topic = `barrier/${this.topic(`${this.#names}`)}`;
    await subscriber.subscribe(topic);
    await publisher.publish(topic, "barrier", { qos: 1 });
    const next = await subscriber.receive();
    if (next.topic !== topic) throw new Error(`expected nothing, not "${next.text}" to ${next.topic}`);
    // With overlapping subscriptions it may come once for each.
    subscriber.inbox.ignore(topic);
    await subscriber.expectNothing();
  }

  /** The first rule that the broker broke towards any client, whether a test looked for it or not. */
  fault(): string | undefined {
    return this.#clients.map(({ inbox }) => inbox.fault).find((fault) => fault !== undefined);
  }

  dispose(): void {
    for (const client of this.#clients) client.dispose();
  }

  #newClient(level: ProtocolLevel): Client {
    const client = new Client(level);
    this.#clients.push(client);
    return client;
  }
}
