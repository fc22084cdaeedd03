// One receiver link of a client: from its credit to a stream of its subscription, from the stream's records to messages, from the client's
// settlement to acknowledgements.
//
//   credit ─▶ stream credit ─▶ records wait ─▶ sent, unsettled ─▶ accepted: acknowledged
//                                                              ─▶ rejected, released, modified: rejected
import { assertMay, type Caller, type Delivery, type EventApi, PlatformError, toPlatformError } from "@mooring/contracts";
import { type AmqpEnd, endOf } from "./conditions.ts";
import type { AmqpCounters } from "./counters.ts";
import type { AmqpLimits } from "./limits.ts";
import { encodeRecord } from "./message.ts";
import { accepted, type OutgoingDelivery, type OutgoingSender, released } from "./rhea-internals.ts";
import { SubscribeRequests } from "./subscribe-requests.ts";

/** [AMQP-2.8.2] The client wants messages that count as done when they are sent. */
const preSettled = 1;
/** What a frame needs beside its piece of the message, as rhea reckons, with the longest delivery tag. */
const frameOverheadBytes = 60;
const sendsPerTurn = 128;
/** Until the first records are seen: a link begins with few. */
const usualBytesFirst = 65_536;
const newestWeight = 0.1;
/** Of the time to acknowledge: how often it is said that records wait here. */
const extendShare = 0.25;

interface Unsettled {
  readonly delivery: OutgoingDelivery;
  readonly offset: number;
  readonly bytes: number;
  readonly sentAtMs: number;
  readonly requests: SubscribeRequests;
}

interface Stream {
  readonly requests: SubscribeRequests;
  /** Credit given to the stream and not used by it yet. */
  granted: number;
}

export interface LinkDeps {
  readonly sender: OutgoingSender;
  readonly caller: Caller;
  readonly subscription: string;
  /** Bodies are sent as base64. */
  readonly isBase64: boolean;
  readonly events: Pick<EventApi, "subscribe" | "getSubscription">;
  readonly limits: AmqpLimits;
  readonly counters: AmqpCounters;
  /** Asks for a turn of `send`. */
  readonly requestTurn: () => void;
  /** Bytes that wait for the client's socket, what this turn has queued included. */
  readonly waitingBytes: () => number;
  readonly room: () => Room;
  /** Counts what this turn has handed to the library, until it is written. */
  readonly onQueued: (bytes: number) => void;
  /** Called once, when it gets no more records. */
  readonly onEnd: () => void;
}

/** What a session takes in this turn. */
export interface Room {
  frames: number;
  /** Nothing was sent in this turn. */
  untouched: boolean;
}

/** The contract's default, until the subscription is known. */
const acknowledgeWithinMsDefault = 30_000;

export class Link {
  readonly #deps: LinkDeps;
  readonly sender: OutgoingSender;
  #stream: Stream | undefined;
  /** Records of the stream, waiting for the client's credit. */
  #waiting: Delivery[] = [];
  /** By delivery id, oldest first. */
  readonly #unsettled = new Map<number, Unsettled>();
  readonly #unsettledByOffset = new Map<number, number>();
  #unsettledBytes = 0;
  /** What its records usually have, so that large ones are read ahead in smaller numbers. */
  #usualBytes = usualBytesFirst;
  #sentThisTurn = 0;
  #restingSinceMs: number | undefined;
  #failingSinceMs: number | undefined;
  #extendedAtMs = 0;
  #drain: NodeJS.Timeout | undefined;
  #acknowledgeWithinMs = acknowledgeWithinMsDefault;
  #started = false;
  #ended = false;

  constructor(deps: LinkDeps) {
    this.#deps = deps;
    this.sender = deps.sender;
  }

  /**
   * The link is answered already; it gets records once it is known that its subscription exists and may be received. It is not made here: AMQP
   * has no words for its filter.
   */
  async start(): Promise<void> {
    const { caller, events, subscription } = this.#deps;
    try {
      assertMay(caller, "events.subscribe");
      const found = await events.getSubscription(caller, { name: subscription });
      if (found.webhook !== undefined) throw new PlatformError("failedPrecondition", `${subscription} is delivered to its webhook`);
      this.#acknowledgeWithinMs = found.acknowledgeWithinMs ?? acknowledgeWithinMsDefault;
      this.#started = true;
      this.onCredit();
    } catch (error) {
      this.end(endOf(error));
    }
  }

  /** The client gave or took credit. */
  onCredit(): void {
    if (this.#ended || !this.#started) return;
    this.#askForMore();
    if (this.#waiting.length > 0) this.#deps.requestTurn();
  }

  /** The client wants what is there, and then to hear that its credit is used up [AMQP-2.6.7]. */
  onDrain(): void {
    if (this.#ended || this.#drain !== undefined) return;
    this.#drain = setTimeout(() => {
      this.#drain = undefined;
      const { sender } = this;
      if (this.#ended || !(sender.credit > 0)) return;
      // The library counts the rest of the credit down one by one, and a client may have given four billion: it is left one to count.
      sender.delivery_count += sender.credit - 1;
      sender.credit = 1;
      sender.set_drained(true);
      (sender.connection as unknown as { _register(): void })._register();
    }, this.#deps.limits.drainMs);
  }

  onOutcome(delivery: OutgoingDelivery, outcome: "accepted" | "rejected" | "settled"): void {
    const entry = this.#unsettled.get(delivery.id);
    if (entry === undefined) return;
    this.#forget(delivery.id, entry);
    if (outcome === "accepted") {
      this.#deps.counters.accepted++;
      entry.requests.acknowledge(entry.offset);
    } else {
      this.#deps.counters.rejected++;
      entry.requests.reject(entry.offset);
    }
    // A client that leaves it to us to settle first (receiver settle mode second).
    if (!delivery.remote_settled) this.#settle(delivery, outcome === "accepted" ? accepted() : released());
    this.onCredit();
  }

  /** Hands what may be sent to the library; `onSent` follows when it has gone. */
  send(): void {
    const { limits } = this.#deps;
    while (this.#waiting.length > 0 && !this.#ended) {
      if (this.#sentThisTurn >= sendsPerTurn) return this.#deps.requestTurn();
      if (this.sender.credit - this.#sentThisTurn <= 0) return;
      if (this.#unsettled.size >= limits.unsettledMax || this.#unsettledBytes >= limits.unsettledBytesMax) return;
      if (this.#deps.waitingBytes() >= limits.socketBytesHigh) return;
      if (!this.#sendNext()) return;
    }
  }

  /** The library has written it: the credit is exact again. */
  onSent(): void {
    this.#sentThisTurn = 0;
    if (!this.#ended) this.#askForMore();
  }

  /** Called a few times a second. */
  onTick(nowMs: number): void {
    if (this.#ended || !this.#started) return;
    const { limits } = this.#deps;
    // Their records went back to the subscription; a client that settles them later would wait for an effect that cannot come.
    for (const [id, { delivery, sentAtMs }] of this.#unsettled) {
      if (nowMs - sentAtMs < this.#acknowledgeWithinMs + limits.settleGraceMs) break;
      this.#giveUp(id, delivery);
    }
    this.#keepWaiting(nowMs);
    const holds = this.#stream !== undefined && (this.#stream.granted > 0 || this.#waiting.length > 0);
    if (!holds || this.sender.credit > 0 || this.#unsettled.size > 0) this.#restingSinceMs = undefined;
    else if (this.#restingSinceMs === undefined) this.#restingSinceMs = nowMs;
    else if (nowMs - this.#restingSinceMs >= limits.restAfterMs) this.#endStream();
    this.#askForMore();
  }

  /** What the client has no credit for is not being handled: its time may not run out here. */
  #keepWaiting(nowMs: number): void {
    if (this.#waiting.length === 0 || nowMs - this.#extendedAtMs < this.#acknowledgeWithinMs * extendShare) return;
    this.#extendedAtMs = nowMs;
    this.#stream?.requests.extend(this.#waiting.map(({ offset }) => offset));
  }

  /** Ends the link with a reason for the client, or because the client is gone. What is under way goes back to the subscription. */
  end(reason?: AmqpEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#drain);
    this.#endStream();
    this.#unsettled.clear();
    this.#unsettledByOffset.clear();
    if (reason !== undefined) this.sender.close(reason);
    this.#deps.onEnd();
  }

  #askForMore(): void {
    const { limits, waitingBytes } = this.#deps;
    const ahead = Math.max(1, Math.min(limits.readAheadMax, Math.floor(limits.readAheadBytesMax / this.#usualBytes)));
    const credit = Math.min(this.sender.credit, ahead);
    const wanted = credit - this.#waiting.length - (this.#stream?.granted ?? 0);
    if (!(wanted > 0) || waitingBytes() >= limits.socketBytesHigh || this.#unsettledBytes >= limits.unsettledBytesMax) return;
    if (this.#stream === undefined) return this.#open(wanted);
    this.#stream.granted += wanted;
    this.#stream.requests.addCredit(wanted);
  }

  #open(credit: number): void {
    const requests = new SubscribeRequests({ subscription: this.#deps.subscription, credit });
    const stream = { requests, granted: credit };
    this.#stream = stream;
    void this.#run(stream);
  }

  async #run(stream: Stream): Promise<void> {
    try {
      for await (const record of this.#deps.events.subscribe(this.#deps.caller, stream.requests)) {
        // Left: the stream's last words are still on their way, and breaking off would cut them.
        if (this.#stream !== stream) continue;
        this.#failingSinceMs = undefined;
        stream.granted--;
        this.#usualBytes += (record.body.length - this.#usualBytes) * newestWeight;
        this.#waiting.push(record);
        this.#deps.requestTurn();
      }
      if (this.#stream === stream) throw new PlatformError("unavailable", "the subscription's stream ended");
    } catch (error) {
      if (this.#stream === stream) this.#onFailure(error);
    }
  }

  /** An outage is waited for a while: the next tick tries again. Everything else is the client's to know. */
  #onFailure(error: unknown): void {
    this.#endStream();
    const nowMs = performance.now();
    this.#failingSinceMs ??= nowMs;
    const outage = toPlatformError(error).code === "unavailable";
    if (!outage || nowMs - this.#failingSinceMs >= this.#deps.limits.outageMsMax) this.end(endOf(error));
  }

  /** What the stream had sent goes to others; what the client still holds can no longer be acknowledged. */
  #endStream(): void {
    this.#restingSinceMs = undefined;
    this.#waiting = [];
    const stream = this.#stream;
    this.#stream = undefined;
    if (stream === undefined) return;
    const handed: number[] = [];
    for (const { offset, requests } of this.#unsettled.values()) if (requests === stream.requests) handed.push(offset);
    stream.requests.end(handed);
  }

  #sendNext(): boolean {
    const record = this.#waiting[0];
    const stream = this.#stream;
    if (record === undefined || stream === undefined) return false;
    const message = encodeRecord(record, this.#deps.isBase64);
    const room = this.#deps.room();
    const frames = Math.ceil(message.length / payloadBytesMax(this.sender.connection.max_frame_size));
    // A message of more frames than the session takes goes alone: it cannot be told from one that is on its way.
    if (room.frames < frames && !(room.untouched && room.frames > 0)) return false;
    this.#waiting.shift();
    const before = this.#unsettledByOffset.get(record.offset);
    if (before !== undefined) this.#giveUp(before, this.#unsettled.get(before)?.delivery);
    const delivery = this.sender.send(message, undefined, 0);
    room.frames -= frames;
    room.untouched = false;
    this.#deps.onQueued(message.length);
    this.#sentThisTurn++;
    this.#deps.counters.sent++;
    if (this.sender.local.attach.snd_settle_mode === preSettled) {
      stream.requests.acknowledge(record.offset);
      this.#deps.counters.accepted++;
      return true;
    }
    const entry = { delivery, offset: record.offset, bytes: message.length, sentAtMs: performance.now(), requests: stream.requests };
    this.#unsettled.set(delivery.id, entry);
    this.#unsettledByOffset.set(record.offset, delivery.id);
    this.#unsettledBytes += message.length;
    return true;
  }

  #giveUp(id: number, delivery: OutgoingDelivery | undefined): void {
    const entry = this.#unsettled.get(id);
    if (entry === undefined || delivery === undefined) return;
    this.#forget(id, entry);
    this.#settle(delivery, released());
  }

  /** Tells the client that the delivery is settled. The library would keep it until the client says so too, which it need not. */
  #settle(delivery: OutgoingDelivery, state: unknown): void {
    this.sender.session.outgoing.deliveries.by_id(delivery.id);
    delivery.update(true, state);
    delivery.remote_settled = true;
  }

  #forget(id: number, entry: Unsettled): void {
    this.#unsettled.delete(id);
    this.#unsettledBytes -= entry.bytes;
    if (this.#unsettledByOffset.get(entry.offset) === id) this.#unsettledByOffset.delete(entry.offset);
  }
}

/** Bytes of a message that fit into one of the client's frames; absent, any number. */
function payloadBytesMax(frameBytesMax: number | undefined): number {
  return frameBytesMax ? frameBytesMax - frameOverheadBytes : Number.MAX_SAFE_INTEGER;
}
