// What of rhea 3.0.5 is used beyond its typings. The version is pinned, and the tests of this folder fail when one of these is gone.
import rhea, { type Connection, type Sender, type Session } from "rhea";
import type { UnorderedDeliveries } from "./unordered-deliveries.ts";

/** A performative that arrived; its fields are whatever the peer sent. */
export interface Frame {
  readonly channel: number;
  readonly performative: Readonly<Record<string, unknown>>;
}

/** A message on its way to the client. */
export interface OutgoingDelivery {
  readonly id: number;
  remote_settled: boolean;
  update(settled: boolean, state: unknown): void;
}

export interface OutgoingSession extends Session {
  readonly outgoing: {
    deliveries: UnorderedDeliveries;
    readonly next_delivery_id: number;
    readonly next_pending_delivery: number;
    readonly next_transfer_id: number;
    /** How many more frames the client's session takes; NaN before it has said. */
    transfer_window(): number;
  };
  readonly links: Readonly<Record<string, unknown>>;
  readonly remote: { readonly channel?: number };
}

export interface OutgoingSender extends Omit<Sender, "session" | "send"> {
  readonly session: OutgoingSession;
  readonly local: { readonly attach: { snd_settle_mode: number } };
  credit: number;
  delivery_count: number;
  /** Encoded already, format 0. */
  send(message: Buffer, tag: undefined, format: 0): OutgoingDelivery;
}

/** A connection whose steps are looked at before the library takes them. */
export interface ServerConnection extends Omit<Connection, "on_open"> {
  readonly local_channel_map: Readonly<Record<string, OutgoingSession>>;
  readonly remote: { readonly open?: Record<string, unknown> };
  accept(socket: unknown): void;
  on_open(frame: Frame): void;
  on_begin(frame: Frame): void;
  on_attach(frame: Frame): void;
  on_flow(frame: Frame): void;
  on_transfer(frame: Frame): void;
  on_disposition(frame: Frame): void;
  on_detach(frame: Frame): void;
  on_end(frame: Frame): void;
  on_close(frame: Frame): void;
  _process(): void;
  _register(): void;
}

type Outcome = () => { described(): unknown };
const internals = rhea.message as unknown as { encode(message: object): Buffer; readonly accepted: Outcome; readonly released: Outcome };

/** Outcomes, as `update` takes them. */
export const accepted = (): unknown => internals.accepted().described();
export const released = (): unknown => internals.released().described();

/** Bytes of a message, as the library's `send` takes them with format 0. */
export function encodeMessage(message: object): Buffer {
  return internals.encode(message);
}
