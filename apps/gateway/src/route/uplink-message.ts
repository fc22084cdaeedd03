// Hot: one message of a device on its way, from the door to its end: one object, and neither promise nor closure.
//
//   door --> [ waits for its product's model ] --> [ waits for the log ] --> [ waits for the shadow ] --> reply, settled
import {
  type Caller,
  type DeviceRef,
  type DownlinkTopicKind,
  type ErrorCode,
  type FieldIssue,
  formatTopic,
  type PlatformError,
  type TopicMeaning,
} from "@mooring/contracts";
import type { Message } from "../broker/message.ts";
import { Appended, type AppendListener } from "../uplink-stream.ts";
import { refusalReply, successReply } from "./alink.ts";
import type { Applied, AppliedWaiter } from "./applied.ts";
import type { ModelWaiter, ProductModel } from "./models.ts";
import type { Refusals } from "./refusals.ts";

/** Where a message came from: an authenticated device's connection or request. `token` is the source's own name for the message. */
export interface UplinkSource {
  readonly device: DeviceRef;
  readonly caller: Caller;
  /** What it signed on with; "" where nobody is there any more. */
  readonly credentialId: string;
  readonly protocol: string;
  /** The reply is the answer to a request; otherwise it is published, and what the shadow tells its listeners need not be said twice. */
  readonly answersInline: boolean;
  /** Whether a reply in this topic would be heard; if not, it is not made. */
  wantsReply(topic: string): boolean;
  /** `brief` is for a client that takes no packet as large as `body` makes it. */
  onReply(token: number, topic: string, body: string, brief?: () => string): void;
  /** In place of `onSettled` for a message with a `copy` that was handled for good. */
  onAccepted(token: number, copy: Message): void;
  /**
   * Told once per message, after its reply. Without a code the message is handled for good: it may be acknowledged. `unavailable`, `timeout`,
   * `internal` and `quotaExceeded` are the platform's failures, and the message may come again; any other code is what is wrong with it.
   */
  onSettled(token: number, code: ErrorCode | undefined, message: string): void;
}

/** What a message needs from the route that it is on. */
export interface UplinkRoute {
  readonly refusals: Pick<Refusals, "add">;
  readonly applied: Pick<Applied, "wait">;
  route(message: UplinkMessage, product: ProductModel): void;
}

const nothing = new Uint8Array(0);
const noIds: readonly string[] = [];
const noIssues: readonly FieldIssue[] = [];

/** Why parts of a message were refused, for its reply. */
export interface RefusedParts {
  readonly text: string;
  readonly issues: readonly FieldIssue[];
}

export class UplinkMessage implements AppendListener, AppliedWaiter, ModelWaiter {
  readonly source: UplinkSource;
  readonly meaning: TopicMeaning;
  readonly token: number;
  /** As the door gives it a view that is good until `handle` returns; kept longer, it is a copy, and it is let go of once it was read. */
  payload: Uint8Array;
  /** As it was said. */
  topic: string;
  /** The message id that follows from an id the device gave; "" when it gave none. */
  givenId: string;
  /** QoS 0: dropped while the log is behind. */
  isSheddable: boolean;
  /** Of the product: acknowledged once the shadow holds it. */
  waitsForShadow: boolean;
  /** Of one that waits for the shadow: the ids of its records in the log. */
  recordIds: readonly string[];
  /** The envelope's; "" without an envelope. */
  id: string;
  wantsReply: boolean;
  /** Of requests to the shadow: when they came. 0 otherwise. */
  receivedAtMs: number;
  /** Of a pack: what of it was refused while the rest is stored; its end says so. */
  refusedParts: RefusedParts | undefined;
  /** For who subscribes to its topic, once it is handled for good; null when nobody does. */
  copy: Message | null;
  #route: UplinkRoute | undefined;

  constructor(source: UplinkSource, meaning: TopicMeaning, payload: Uint8Array, token: number) {
    this.source = source;
    this.meaning = meaning;
    this.token = token;
    this.payload = payload;
    this.topic = "";
    this.givenId = "";
    this.isSheddable = false;
    this.waitsForShadow = false;
    this.recordIds = noIds;
    this.id = "";
    this.wantsReply = true;
    this.receivedAtMs = 0;
    this.refusedParts = undefined;
    this.copy = null;
    this.#route = undefined;
  }

  /** What becomes of it is told to this route. */
  enter(route: UplinkRoute): void {
    this.#route = route;
  }

  /** The payload was read: its buffer is the door's again. */
  releasePayload(): void {
    this.payload = nothing;
  }

  /** The method of a report, for its reply. */
  get method(): string {
    switch (this.meaning.kind) {
      case "eventPost":
        return `thing.event.${this.meaning.name}.post`;
      case "batchPost":
        return "thing.event.property.batch.post";
      case "historyPost":
        return "thing.event.property.history.post";
      case "packPost":
        return "thing.event.property.pack.post";
      default:
        return "thing.event.property.post";
    }
  }

  /** The topic of a report's reply; "" for what is not replied to. */
  get replyTopic(): string {
    switch (this.meaning.kind) {
      case "propertyPost":
        return this.#topicOf("propertyPostReply");
      case "batchPost":
        return this.#topicOf("batchPostReply");
      case "historyPost":
        return this.#topicOf("historyPostReply");
      case "packPost":
        return this.#topicOf("packPostReply");
      case "eventPost":
        return this.#topicOf("eventPostReply");
      default:
        return "";
    }
  }

  #topicOf(kind: DownlinkTopicKind): string {
    return formatTopic(kind, this.source.device, this.meaning.name);
  }

  // ---- the model

  get bytes(): number {
    return this.payload.length;
  }

  onModel(product: ProductModel): void {
    this.#route?.route(this, product);
  }

  onModelFailure(error: PlatformError): void {
    this.settle(error.code, error.message);
  }

  // ---- the log

  onAppended(outcome: Appended, lastOffset: number, reason?: string): void {
    switch (outcome) {
      case Appended.Stored:
        if (this.waitsForShadow && this.#route !== undefined) return this.#route.applied.wait(this, lastOffset);
        return this.onApplied();
      case Appended.Failed:
        return this.settle("unavailable", "the message could not be stored");
      default:
        return this.#onRefused("invalidArgument", `the message cannot be stored: ${reason ?? "the log refuses it"}`);
    }
  }

  /** Said again it would be refused again, so the device hears that it is the message. */
  #onRefused(code: ErrorCode, text: string, issues: readonly FieldIssue[] = noIssues): void {
    const topic = this.replyTopic;
    if (topic !== "" && this.source.wantsReply(topic)) {
      this.source.onReply(this.token, topic, refusalReply(this.id, this.method, { code, message: text, issues }));
    }
    this.settle(code, text);
  }

  // ---- the shadow

  onApplied(): void {
    if (this.refusedParts !== undefined) return this.#onRefused("invalidArgument", this.refusedParts.text, this.refusedParts.issues);
    const topic = this.wantsReply ? this.replyTopic : "";
    if (topic !== "" && this.source.wantsReply(topic)) this.source.onReply(this.token, topic, successReply(this.id, this.method));
    this.settle(undefined, "");
  }

  /** It is in the log and the history, and the shadow is as it was. */
  onUnfit(code: ErrorCode, reason: string): void {
    this.#onRefused(code, `the message is stored, but does not fit the shadow: ${reason}`);
  }

  onNotApplied(): void {
    this.settle("unavailable", "the message is stored, and the shadow does not hold it yet");
  }

  /** Its end. What was not accepted is reported. */
  settle(code: ErrorCode | undefined, message: string): void {
    if (code !== undefined && this.#route !== undefined) {
      const { device, protocol } = this.source;
      this.#route.refusals.add({ device, protocol, topic: this.topic, code, message });
    }
    if (code === undefined && this.copy !== null) this.source.onAccepted(this.token, this.copy);
    else this.source.onSettled(this.token, code, message);
  }
}
