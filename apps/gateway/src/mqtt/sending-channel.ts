// Hot: what the client of one signed-on connection is sent, by its session, the broker and retained messages. Sans-I/O: ChannelOutput is the only way
// out. Others call in here, the broker with messages and the store with commits: what throws then ends this connection, and never who called.
import { PacketType, ProtocolLevel, type PublishPacket, publishHeader, ReasonCode } from "@mooring/mqtt";
import type { Flight } from "../broker/flight.ts";
import type { Message } from "../broker/message.ts";
import type { SessionChannel } from "../broker/ports.ts";
import type { Session } from "../broker/session.ts";
import { formOf, type Space } from "../broker/space.ts";
import type { Subscription } from "../broker/subscription.ts";
import type { GatewayCounters } from "../counters.ts";
import type { ChannelOutput, ChannelStart } from "./channel-ports.ts";
import type { Replay, RetainedOutput } from "./replay.ts";
import { Replays } from "./replays.ts";
import { Sender } from "./sender.ts";

export abstract class SendingChannel implements SessionChannel, RetainedOutput {
  readonly session: Session;
  readonly protocolLevel: ProtocolLevel;
  readonly windowMax: number;
  isOpen = true;
  protected readonly space: Space;
  protected readonly counters: GatewayCounters;
  protected readonly out: ChannelOutput;
  protected readonly isV5: boolean;
  protected readonly start: ChannelStart;
  protected readonly sender: Sender;
  #replays: Replays | null = null;

  constructor(start: ChannelStart, session: Session, counters: GatewayCounters, out: ChannelOutput) {
    this.session = session;
    this.space = session.space;
    this.protocolLevel = start.protocolLevel;
    this.windowMax = start.windowMax;
    this.counters = counters;
    this.out = out;
    this.isV5 = start.protocolLevel === ProtocolLevel.V5;
    this.start = start;
    this.sender = new Sender(start, session.space, counters, out.outgoing);
  }

  get address(): string | undefined {
    return this.out.address;
  }

  /** Behind CONNACK: what waited for the client follows. */
  onOpen(): void {
    this.space.keep(this.session);
    this.session.resume();
  }

  get isWritable(): boolean {
    return this.isOpen && this.out.isWritable;
  }

  sendQos0(source: PublishPacket | Message, topic: string, form: number, to: Subscription): void {
    try {
      if (!this.isWritable) {
        this.counters.shedDownlink++;
        this.space.counters.qos0Dropped++;
        if (source.retain) this.#replays?.onMissed();
        return;
      }
      const retain = to.retainAsPublished && source.retain;
      this.sender.send(source, topic, form, { qos: 0, header: publishHeader(0, retain, false), packetId: 0, ids: to.ids });
    } catch (error) {
      this.fail(error);
    }
  }

  sendFlight({ message, qos, retain, wasSent, packetId, ids }: Flight): boolean {
    if (message === null) return false;
    return this.sender.send(message, message.topic, formOf(message), { qos, header: publishHeader(qos, retain, wasSent), packetId, ids });
  }

  sendPubrel(packetId: number): void {
    this.out.outgoing.ack(PacketType.Pubrel, packetId);
  }

  sendRetained(message: Message, ids: readonly number[] | null): void {
    this.#sendMessage(message, true, ids);
  }

  #sendMessage(message: Message, retain: boolean, ids: readonly number[] | null): boolean {
    const leaving = { qos: 0, header: publishHeader(0, retain, false), packetId: 0, ids } as const;
    return this.sender.send(message, message.topic, formOf(message), leaving);
  }

  /** Sends with QoS 0. False when it is too large for the client. */
  protected send(message: Message, ids: readonly number[] | null): boolean {
    return this.#sendMessage(message, false, ids);
  }

  /** The client reads again. */
  onWritable(): void {
    this.session.pump();
    this.#replays?.pump();
  }

  /** Sends the retained messages of a filter, now and as there is room. */
  protected beginReplay(replay: Replay): void {
    this.#replays ??= new Replays(this.session, this);
    this.#replays.begin(replay);
  }

  onRoom(): void {
    this.#replays?.pump();
  }

  // ---- the end

  /** The session is without this connection from now on, and may have ended with it. */
  protected detach(isClean: boolean): void {
    const { session } = this;
    session.detach(isClean);
    if (this.space.find(session.key) === session) this.#replays?.leave();
  }

  takeOver(): void {
    this.close(ReasonCode.SessionTakenOver, "takenOver");
  }

  endSession(reasonCode: number, word: string): void {
    this.close(reasonCode, word);
  }

  protected close(reasonCode: number, word: string): void {
    if (!this.isOpen) return;
    this.out.close(reasonCode, word);
  }

  fail(error: unknown): void {
    this.out.fail(error);
  }
}
