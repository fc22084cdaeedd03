// One client: sign-on, then its links. rhea speaks AMQP; what a peer could make it do that has no bound is refused before it sees it.
import type { Socket } from "node:net";
import { type Caller, type EventApi, toPlatformError } from "@mooring/contracts";
import type { Log } from "@mooring/kit";
import rhea, { type ConnectionOptions, type EventContext } from "rhea";
import { watch } from "../guarded-stream.ts";
import { type AmqpEnd, endOf } from "./conditions.ts";
import type { AmqpCounters } from "./counters.ts";
import { GatedSocket } from "./gated-socket.ts";
import type { AmqpLimits } from "./limits.ts";
import { Link } from "./link.ts";
import type { OutgoingDelivery, OutgoingSender, OutgoingSession, ServerConnection } from "./rhea-internals.ts";
import { isBlocked, SendTurns } from "./send-turns.ts";
import { isOwnAddress, type Proof, parsePlain, type SignOn } from "./sign-on.ts";
import { guardSteps } from "./step-guard.ts";
import { UnorderedDeliveries } from "./unordered-deliveries.ts";

export interface ConnectionDeps {
  readonly events: Pick<EventApi, "subscribe" | "getSubscription">;
  /** Throws `unauthenticated`. */
  readonly authenticate: (proof: Proof) => Promise<Caller>;
  readonly log: Log;
  readonly limits: AmqpLimits;
  readonly counters: AmqpCounters;
  /** Counts the connection for its tenant; false when the tenant has too many. Called once, after the sign-on. */
  readonly admit: (caller: Caller) => boolean;
  readonly onEnd: () => void;
}

export class AmqpConnection {
  readonly #deps: ConnectionDeps;
  readonly #socket: GatedSocket;
  readonly #connection: ServerConnection;
  readonly #links = new Map<OutgoingSender, Link>();
  readonly #over = new AbortController();
  readonly #startedAtMs = performance.now();
  #caller: Caller | undefined;
  #signOn: SignOn | undefined;
  /** Set while there is no link. */
  #linklessSinceMs: number | undefined = performance.now();
  /** A credential came, whatever became of it. */
  #asked = false;
  #refusal: AmqpEnd | undefined;
  #closingSinceMs: number | undefined;
  readonly #turns: SendTurns;

  constructor(socket: Socket, deps: ConnectionDeps) {
    this.#deps = deps;
    this.#turns = new SendTurns({
      limits: deps.limits,
      links: this.#links,
      isOver: () => this.#over.signal.aborted || this.#closingSinceMs !== undefined,
      write: () => this.#connection._process(),
      close: (end) => this.close(end),
      onError: (error) => this.#onError(error),
    });
    this.#socket = new GatedSocket(socket, deps.limits, () => this.#turns.request());
    const container = rhea.create_container({
      id: "mooring",
      sender_options: { treat_modified_as_released: false },
      receiver_options: { credit_window: 0, autoaccept: false },
    });
    container.sasl_server_mechanisms["PLAIN"] = () => this.#createMechanism();
    const { frameBytesMax, idleMs, sessionsMax } = deps.limits;
    const options = { max_frame_size: frameBytesMax, idle_time_out: idleMs, channel_max: sessionsMax - 1, reconnect: false };
    this.#connection = container.create_connection(options as ConnectionOptions) as unknown as ServerConnection;
    guardSteps(this.#connection, deps.limits, (end) => this.#cut(end));
    this.#listen(container);
    const run = this.#connection._process.bind(this.#connection);
    this.#connection._process = () => {
      try {
        run();
      } catch (error) {
        this.#onError(error);
      }
    };
    // The library tells of outcomes a turn after they came; a client that settles and leaves in one breath has settled.
    for (const step of ["on_detach", "on_end", "on_close"] as const) {
      const go = this.#connection[step].bind(this.#connection);
      this.#connection[step] = (frame) => {
        this.#connection._process();
        go(frame);
      };
    }
    this.#socket.once("end", () => this.#onGone());
    this.#connection.accept(this.#socket);
    // Another mechanism than PLAIN: the library has answered that it is refused, and the client had its one attempt.
    this.#socket.on("data", () => {
      if (this.#socket.isHeld && !this.#asked) this.#refuseSignOn();
    });
  }

  get tenantId(): string | undefined {
    return this.#caller?.tenantId;
  }

  /** Tells the client why, and ends. */
  close(end: AmqpEnd): void {
    if (this.#closingSinceMs !== undefined) return;
    this.#closingSinceMs = performance.now();
    this.#endLinks();
    if (this.#connection.is_open()) this.#connection.close(end);
    else this.#socket.end();
  }

  /** The same for a client that does not keep to the protocol: its answer is not waited for. */
  #cut(end: AmqpEnd): void {
    this.close(end);
    this.#connection._process();
    this.#socket.end();
  }

  /** Called a few times a second. */
  onTick(nowMs: number): void {
    const { limits } = this.#deps;
    const endingSinceMs = this.#closingSinceMs ?? this.#socket.endedAtMs;
    if (endingSinceMs !== undefined) {
      if (nowMs - endingSinceMs >= limits.closeMs) this.#socket.destroy();
    } else if (this.#caller === undefined) {
      if (nowMs - this.#startedAtMs >= limits.signOnMs) this.#refuseSignOn();
    } else if (this.#linklessSinceMs !== undefined && nowMs - this.#linklessSinceMs >= limits.linkWithinMs) {
      this.close({ condition: "amqp:connection:forced", description: `no link for ${limits.linkWithinMs} ms` });
    } else for (const link of [...this.#links.values()]) link.onTick(nowMs);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Of rhea's shape: `outcome` true lets the client in. A rejection is an error of ours, which the client may try again after. */
  #createMechanism(): object {
    this.#asked = true;
    const mechanism = {
      outcome: undefined as boolean | undefined,
      username: undefined as string | undefined,
      start: async (response: unknown): Promise<void> => {
        const signOn = parsePlain(response);
        mechanism.outcome = signOn !== undefined && (await this.#authenticate(signOn));
        if (!mechanism.outcome) this.#deps.counters.refused++;
        // After the library has written the outcome, which it does when this promise is resolved.
        setImmediate(() => (mechanism.outcome ? this.#socket.release() : this.#socket.end()));
      },
    };
    return mechanism;
  }

  async #authenticate(signOn: SignOn): Promise<boolean> {
    const { authenticate, admit, log } = this.#deps;
    try {
      const caller = await authenticate(signOn.proof);
      if (this.#over.signal.aborted || this.#closingSinceMs !== undefined) return false;
      if (!admit(caller)) {
        this.#refusal = { condition: "amqp:resource-limit-exceeded", description: "the tenant has as many AMQP connections as it may" };
      }
      this.#caller = caller;
      this.#signOn = signOn;
      this.#linklessSinceMs = performance.now();
    } catch (error) {
      // SASL has no word for a tenant that is suspended (RFC 4422 §3.6).
      if (["unauthenticated", "permissionDenied"].includes(toPlatformError(error).code)) return false;
      log.warn({ err: error }, "an AMQP sign-on could not be checked");
      throw error;
    }
    void watch(() => authenticate(signOn.proof), this.#over.signal).then((error) => {
      if (!this.#over.signal.aborted) this.close(endOf(error));
    });
    return true;
  }

  #refuseSignOn(): void {
    this.#deps.counters.refused++;
    this.#closingSinceMs = performance.now();
    this.#socket.end();
  }

  #listen(container: NodeJS.EventEmitter): void {
    const on = (event: string, listener: (context: EventContext) => void): void => {
      container.on(event, (context: EventContext) => {
        try {
          listener(context);
        } catch (error) {
          this.#onError(error);
        }
      });
    };
    on("connection_open", () => this.#refusal !== undefined && this.close(this.#refusal));
    on("session_open", ({ session }) => {
      (session as OutgoingSession).outgoing.deliveries = new UnorderedDeliveries();
    });
    on("sender_open", ({ sender }) => this.#attach(sender as unknown as OutgoingSender));
    on("receiver_open", ({ receiver }) => receiver?.close({ condition: "amqp:not-allowed", description: "this listener only sends" }));
    on("sender_flow", ({ sender }) => this.#linkOf(sender)?.onCredit());
    on("sender_draining", ({ sender }) => this.#linkOf(sender)?.onDrain());
    for (const event of ["accepted", "rejected", "released", "modified", "settled"]) {
      const outcome = event === "accepted" || event === "settled" ? event : "rejected";
      on(event, ({ sender, delivery }) => this.#linkOf(sender)?.onOutcome(delivery as unknown as OutgoingDelivery, outcome));
    }
    on("sender_close", ({ sender }) => this.#detach(sender as unknown as OutgoingSender));
    on("session_close", ({ session }) => {
      for (const sender of [...this.#links.keys()]) if (sender.session === session) this.#detach(sender);
    });
    on("connection_close", () => this.#endLinks());
    // With a listener each, the library neither throws nor prints; errors of sessions and links come with their close.
    for (const event of ["connection_error", "session_error", "sender_error", "receiver_error", "receiver_close", "disconnected"]) {
      container.on(event, () => undefined);
    }
    for (const event of ["protocol_error", "error"]) container.on(event, (error: unknown) => this.#onError(error));
  }

  #attach(sender: OutgoingSender): void {
    const { limits, counters } = this.#deps;
    const signOn = this.#signOn;
    if (this.#closingSinceMs !== undefined) return;
    if (this.#caller === undefined || signOn === undefined) throw new Error("a link before the sign-on");
    if (this.#links.size >= limits.linksMax) {
      return sender.close({ condition: "amqp:resource-limit-exceeded", description: `a connection may have ${limits.linksMax} links` });
    }
    const address = sender.source?.address;
    if (!isOwnAddress(signOn, address)) {
      return sender.close({ condition: "amqp:not-found", description: `this connection receives ${signOn.subscription} and nothing else` });
    }
    sender.set_source({ address: address ?? signOn.subscription });
    // Settled at once only for those who ask for nothing else (mode 1); mixed is unsettled.
    sender.local.attach.snd_settle_mode = sender.snd_settle_mode === 1 ? 1 : 0;
    const link = new Link({
      sender,
      caller: this.#caller,
      subscription: signOn.subscription,
      isBase64: signOn.isBase64,
      events: this.#deps.events,
      limits,
      counters,
      requestTurn: () => this.#turns.request(),
      waitingBytes: () => this.#socket.waitingBytes + this.#turns.queuedBytes,
      onQueued: (bytes) => {
        this.#turns.queuedBytes += bytes;
      },
      room: () => this.#turns.roomOf(sender.session),
      onEnd: () => this.#remove(sender),
    });
    this.#links.set(sender, link);
    counters.links++;
    this.#linklessSinceMs = undefined;
    void link.start();
  }

  #linkOf(sender: unknown): Link | undefined {
    return this.#links.get(sender as OutgoingSender);
  }

  #detach(sender: OutgoingSender): void {
    const link = this.#links.get(sender);
    if (link === undefined) return;
    link.end();
    // A message that is cut off in its middle would be finished under a handle that means nothing now.
    if (isBlocked(sender.session)) this.close({ condition: "amqp:connection:forced", description: "a link ended within a message" });
  }

  #remove(sender: OutgoingSender): void {
    this.#links.delete(sender);
    this.#deps.counters.links--;
    if (this.#links.size === 0) this.#linklessSinceMs = performance.now();
  }

  #endLinks(): void {
    for (const link of [...this.#links.values()]) link.end();
  }

  #onError(error: unknown): void {
    this.#deps.log.debug({ err: error }, "an AMQP connection ends with an error");
    if (this.#closingSinceMs !== undefined) return this.#socket.end();
    this.#cut({ condition: "amqp:decode-error", description: "what was sent is not understood" });
  }

  #onGone(): void {
    this.#over.abort();
    this.#turns.stop();
    this.#endLinks();
    this.#deps.onEnd();
  }
}
