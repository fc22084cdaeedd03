// A gateway that dies and comes back, its clients, and the store: runs steps and has the referee look at all of it.
import { serviceCaller } from "@mooring/contracts";
import { ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { createMemorySessions, FakeClock } from "@mooring/testkit";
import { type BookSession, wordsOfStore } from "./model-book.test-support.ts";
import { ModelClient } from "./model-client.test-support.ts";
import { Link, Node } from "./model-node.test-support.ts";
import { Referee } from "./model-referee.test-support.ts";
import type { PacedStep, Step } from "./model-steps.test-support.ts";
import { sessionKey } from "./session.ts";

const [tenant, anotherTenant] = [1, 2].map((n) => `00000000-0000-4000-8000-00000000000${n}`) as [string, string];
const { V311, V5 } = ProtocolLevel;
/** The last one has the client id of the first, in another tenant. */
const people = [
  { name: "ann", tenantId: tenant, clientId: "ann", level: V5 },
  { name: "bob", tenantId: tenant, clientId: "bob", level: V5 },
  { name: "cat", tenantId: tenant, clientId: "cat", level: V311 },
  { name: "dan", tenantId: tenant, clientId: "dan", level: V5 },
  { name: "another ann", tenantId: anotherTenant, clientId: "ann", level: V5 },
];
const caller = serviceCaller("gateway");
const roundsMax = 5_000;
/** Of a queue that nothing is dropped from. */
export const unlimited = 100_000;
const comeBack = { do: "connect", client: 0, clean: false, expiryS: 3_600, receiveMaximum: 65_535, will: null } as const;
/** What is in flight is not dropped, and counts. */
const inFlightMax = 3;

export class World {
  readonly #clock = new FakeClock();
  readonly #sessions = createMemorySessions({ clock: this.#clock });
  readonly #referee = new Referee(this.#clock);
  readonly #clients = people.map((who) => new ModelClient(who, this.#referee));
  readonly #queueMax: number;
  #node: Node;
  #count = 0;

  constructor(queueMax: number) {
    this.#queueMax = queueMax;
    this.#node = this.#createNode();
    this.#node.store.start();
  }

  get figures(): Referee["figures"] {
    return this.#referee.figures;
  }

  #createNode(): Node {
    return new Node(this.#sessions, this.#clock, this.#referee, {
      queuedMessagesMax: this.#queueMax,
      inFlightMax: this.#queueMax < unlimited ? inFlightMax : 65_535,
    });
  }

  /** Throws with all that was broken, at the first step that shows it. */
  async run(steps: readonly PacedStep[]): Promise<void> {
    try {
      for (const [step, pace] of steps) {
        await this.#do(step);
        if (pace === "settled") await this.#settle();
        else if (pace === "next turn") await turn();
        this.#check(step);
      }
      await this.#finish();
      this.#check({ do: "nothing" });
    } finally {
      this.#node.die();
      this.#sessions.release();
      this.#sessions.breakStreams();
    }
  }

  #check(step: Step): void {
    const { failures } = this.#referee;
    if (failures.length > 0) throw new Error(`${failures.join("\n")}\nat ${JSON.stringify(step)}`);
  }

  async #do(step: Step): Promise<void> {
    if (step.do === "publish" || step.do === "subscribe") await this.#bringBack(this.#clients[step.client] as ModelClient);
    if ("client" in step) return this.#act(step, this.#clients[step.client] as ModelClient);
    switch (step.do) {
      case "hold":
        this.#referee.hold();
        return this.#sessions.hold();
      case "release":
        this.#referee.past.release();
        this.#sessions.release();
        return this.#settle();
      case "breakStreams":
        this.#sessions.breakStreams();
        return this.#settle();
      case "loseNextAck":
        return this.#sessions.loseNextAck();
      case "advance":
        return this.#advance(step.seconds);
      case "crash":
        return this.#crash();
      case "shutDown":
        return this.#shutDown();
    }
  }

  /** Who has something to say connects first. */
  async #bringBack(client: ModelClient): Promise<void> {
    if (client.link === undefined) this.#connect(client, { ...comeBack, receiveMaximum: 3 });
    for (let i = 0; i < 3 && !client.isOpen; i++) await turn();
  }

  #act(step: Extract<Step, { readonly client: number }>, client: ModelClient): void {
    if (step.do === "connect") return this.#connect(client, step);
    const { link } = client;
    if (step.do === "answerAtOnce" || step.do === "answerLater") {
      client.answersLater = step.do === "answerLater";
      if (!client.answersLater) client.answer(1_000);
      return;
    }
    if (link === undefined) return;
    if (step.do === "lose") return link.lose();
    if (step.do === "keepAlive") return link.close(ReasonCode.KeepAliveTimeout, "keepAlive");
    if (step.do === "stall") link.isStalled = true;
    else if (step.do === "read") link.read();
    else if (client.isOpen) this.#talk(step, client);
  }

  #talk(step: Extract<Step, { readonly client: number }>, client: ModelClient): void {
    if (step.do === "disconnect") {
      const session = client.link === undefined ? undefined : this.#referee.sessionOf(client.link);
      // What ends with its connection cannot be made to last [MQTT-3.1.2-23].
      client.disconnect(step.withWill, session?.expiryS === 0 ? undefined : step.expiryS);
    } else if (step.do === "answer") client.answer(step.count);
    else if (step.do === "unsubscribe") client.unsubscribe(step.filter);
    else if (step.do === "subscribe") {
      const { filter, qos, retainHandling } = step;
      const { isV5 } = client;
      const isShared = filter.startsWith("$share/");
      client.subscribe({
        ...{ filter, qos },
        noLocal: isV5 && !isShared && step.noLocal,
        retainAsPublished: isV5 && step.retainAsPublished,
        retainHandling: isV5 ? retainHandling : 0,
      });
    } else if (step.do === "publish") {
      const { topic, qos, retain } = step;
      for (let i = 0; i < step.count; i++) {
        // Where drops are counted each message has to have a name, and takes its place until it is dropped.
        const isFree = this.#queueMax >= unlimited;
        const payload = retain && step.isEmpty && isFree ? "" : `m${++this.#count}`;
        const expiryS = client.isV5 && !retain && isFree ? step.expiryS : undefined;
        client.publish({ topic, qos, retain, payload, expiryS });
      }
    }
  }

  #connect(client: ModelClient, step: Extract<Step, { readonly do: "connect" }>): void {
    client.connect(new Link(this.#node, client.tenantId, client), step, `w${++this.#count}`);
  }

  // ---- the process and time

  /** What the node has counted, before it is no more. */
  #countNode(): void {
    for (const { counters } of this.#node.spaces.all()) {
      this.#referee.figures.dropped += counters.queueDropped;
      this.#referee.figures.handedOn += counters.handedOn;
    }
  }

  async #crash(): Promise<void> {
    this.#node.die();
    this.#sessions.breakStreams();
    this.#countNode();
    for (const client of this.#clients) client.onGone();
    const { sessions } = await this.#sessions.listSessions(caller, { limit: 1_000 });
    const { messages } = await this.#sessions.listRetained(caller, { limit: 1_000 });
    this.#referee.onCrash(wordsOfStore(sessions, messages, this.#clock.now()));
    this.#node = this.#createNode();
    await this.#node.start();
  }

  /** As on SIGTERM: everybody is told, and what is to be written is written. */
  async #shutDown(): Promise<void> {
    this.#referee.past.release();
    this.#sessions.release();
    for (const link of [...this.#node.links]) link.close(ReasonCode.ServerShuttingDown, "shutdown");
    await this.#settle();
    await this.#crash();
  }

  async #advance(seconds: number): Promise<void> {
    for (let i = 0; i < seconds; i++) {
      // What was said leaves before time passes.
      await this.#settle();
      this.#clock.advance(1_000);
      this.#referee.onTickBegins();
      this.#node.wheel.advance();
      this.#referee.onTick((session) => this.#has(session));
    }
  }

  #has({ tenantId, clientId }: BookSession): boolean {
    return this.#node.spaces.of(tenantId).find(sessionKey("anonymous", clientId)) !== undefined;
  }

  /** Until nothing is left to do: all is committed and nobody said anything for some turns. */
  async #settle(): Promise<void> {
    const { store, counters } = this.#node;
    for (let [round, quiet, before] = [0, 0, 0]; quiet < 4; round++) {
      if (round > roundsMax) throw new Error("it does not come to rest");
      await turn();
      const now = counters.messagesOutQos1 + counters.messagesInQos1 + counters.messagesInQos2;
      const isBusy = now !== before || (store.pendingBytes > 0 && !this.#referee.past.isHeld);
      // A broken stream is opened again after a millisecond or some.
      if (isBusy && quiet === 0 && round > 50) await new Promise((resolve) => setTimeout(resolve, 1));
      before = now;
      quiet = isBusy ? 0 : quiet + 1;
    }
    if (this.#referee.past.isHeld) return;
    this.#referee.onAllCommitted();
    for (const client of this.#clients) if (client.isOpen) client.onAllCommitted();
  }

  // ---- the end

  /** Everybody comes back, reads and answers all: what has to arrive has arrived then. */
  async #finish(): Promise<void> {
    this.#referee.past.release();
    this.#sessions.release();
    await this.#settle();
    for (const client of this.#clients) {
      client.answersLater = false;
      client.link?.read();
      client.answer(1_000);
      const isThere = this.#referee.book.find(client.tenantId, client.clientId) !== undefined;
      if (client.link === undefined && isThere) this.#connect(client, comeBack);
    }
    await this.#settle();
    await this.#settle();
    for (const client of this.#clients)
      if (client.isOpen && !client.isIdle) this.#referee.fail(`${client.name} waits for something that does not come`);
    this.#countNode();
    const drops = { max: this.#referee.figures.dropped, newerMin: this.#queueMax / 2 };
    this.#referee.ledger.judge((serial) => this.#referee.book.bySerial(serial) !== undefined, this.#clock.now(), drops);
    this.#judgeRetained();
    await this.#advance(15);
  }

  #judgeRetained(): void {
    const found: string[] = [];
    for (const { tenantId, retained } of this.#node.spaces.all()) {
      const places = retained.match("#");
      for (let at = 0; at < places.length; at += 2) {
        const message = retained.at(places, at);
        found.push(`${tenantId}/${message?.topic} ${message?.payload}`);
      }
    }
    const expected = [...this.#referee.book.retained].map(([key, payload]) => `${key} ${payload}`);
    if (found.sort().join() !== expected.sort().join()) this.#referee.fail(`retained are ${found}, not ${expected}`);
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
