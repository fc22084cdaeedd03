// Hot: from a meaning and its payload to the service that handles it. No packets and no paths here; every door uses this one.
//
//   handle() --> gate: the product's model (models.ts) --> by kind
//                  property, event, answer to a property set, custom --> record --> UplinkStream --> committed --> reply, settled
//                  shadow, desired values (requests.ts), answer to a call (call-answers.ts) --> service --> reply, settled
//
// On the record path there is one object per message (uplink-message.ts) and neither promise nor closure.
import { hash } from "node:crypto";
import { type FieldIssue, isJsonObject, type JsonObject, type NewRecord, type RecordKind } from "@mooring/contracts";
import { type Clock, deriveMessageId, type Log, steadyClock } from "@mooring/kit";
import type { GatewayCounters } from "../counters.ts";
import { createMessageId } from "../message-id.ts";
import { Appended, type AppendListener, type UplinkStream } from "../uplink-stream.ts";
import { type Envelope, parseEnvelope, parseReply, refusalReply, summarize } from "./alink.ts";
import type { Applied } from "./applied.ts";
import { BatchAppend } from "./batch-append.ts";
import { type AnswerCall, CallAnswers } from "./call-answers.ts";
import { payloadBytesMax } from "./json-payload.ts";
import type { Models, ProductModel } from "./models.ts";
import { Packs } from "./packs.ts";
import type { Refusals } from "./refusals.ts";
import { readEvent, readProperties } from "./reports.ts";
import { readBatch, readHistory } from "./reports-batch.ts";
import type { Pack, PackRecord } from "./reports-pack.ts";
import { createReport, type DevicesForDevices, Requests } from "./requests.ts";
import type { ShadowOfDevice } from "./shadow/exchange.ts";
import type { Topology } from "./topology.ts";
import type { UplinkMessage, UplinkRoute } from "./uplink-message.ts";

export interface UplinkDeps {
  readonly models: Models;
  readonly topology: Pick<Topology, "known" | "find">;
  readonly stream: UplinkStream;
  readonly shadow: ShadowOfDevice;
  readonly devices: DevicesForDevices;
  readonly answerCall: AnswerCall;
  readonly applied: Applied;
  readonly refusals: Refusals;
  readonly clock: Clock;
  readonly counters: GatewayCounters;
  readonly log: Log;
}

export class Uplink implements UplinkRoute {
  readonly refusals: Refusals;
  readonly applied: Applied;
  readonly #deps: UplinkDeps;
  readonly #requests: Requests;
  readonly #answers: CallAnswers;
  readonly #packs: Packs;

  constructor(deps: UplinkDeps) {
    this.refusals = deps.refusals;
    this.applied = deps.applied;
    this.#deps = deps;
    const report = createReport(deps.log);
    this.#requests = new Requests({ shadow: deps.shadow, devices: deps.devices, clock: deps.clock, counters: deps.counters, report });
    this.#answers = new CallAnswers(deps.answerCall, report, deps.counters);
    const { models, topology, clock, log } = deps;
    this.#packs = new Packs({ models, topology, clock, log, take: (message, pack, now) => this.#take(message, pack, now) });
  }

  /**
   * Handles one message in the device's own name (route/acl.ts was asked). The payload is read, or copied, before this returns. Messages of
   * one device settle as they were handled, except that call messages may settle before or after others. What is said while an update of the shadow is
   * under way goes to the log after it, since the update may go there as well.
   */
  handle(message: UplinkMessage): void {
    message.enter(this);
    const { length } = message.payload;
    if (length > payloadBytesMax) {
      message.settle("payloadTooLarge", `the payload has ${length} bytes, more than ${payloadBytesMax}`);
      return;
    }
    if (message.isSheddable && this.#deps.stream.isShedding) {
      this.#deps.counters.shedUplink++;
      message.settle("unavailable", "the log is behind");
      return;
    }
    const { productKey } = message.source.device;
    const product = this.#deps.models.find(productKey);
    if (product !== undefined) return this.route(message, product);
    message.payload = Buffer.from(message.payload);
    this.#deps.models.wait(productKey, message);
  }

  /** The rest of `handle`, once the product's model is here. */
  route(message: UplinkMessage, product: ProductModel): void {
    if (this.#packs.isWaiting(message.source.device.deviceId)) return this.#packs.hold(message, product);
    message.waitsForShadow = product.waitsForShadow;
    switch (message.meaning.kind) {
      case "propertyPost":
      case "eventPost":
        return this.#report(message, product);
      case "batchPost":
      case "historyPost":
        return this.#batch(message, product);
      case "packPost":
        return this.#pack(message, product);
      case "propertySetReply":
        return this.#setReply(message);
      case "custom":
        return this.#custom(message);
      case "callResponse":
        return this.#answers.handle(message);
      default:
        return this.#requests.handle(message);
    }
  }

  /** Takes over what the envelope says of the message; undefined when it was refused. */
  #open<E extends Envelope>(message: UplinkMessage, product: ProductModel, envelope: E): E | undefined {
    message.id = envelope.id;
    if (envelope.issue === undefined) giveId(message, product);
    message.releasePayload();
    message.wantsReply = envelope.wantsReply;
    if (envelope.issue === undefined) return envelope;
    this.#refuse(message, [envelope.issue]);
    return undefined;
  }

  #report(message: UplinkMessage, product: ProductModel): void {
    const isEvent = message.meaning.kind === "eventPost";
    const envelope = this.#open(message, product, parseEnvelope(message.payload, "object"));
    if (envelope === undefined) return;
    const now = this.#deps.clock.now();
    const { body, issues } = isEvent
      ? readEvent(message.meaning.name, envelope.params, product, now)
      : readProperties(envelope.params, product, now);
    if (issues.length > 0) return this.#refuse(message, issues);
    this.#append(message, isEvent ? "event" : "properties", body, now);
  }

  #pack(message: UplinkMessage, product: ProductModel): void {
    const envelope = this.#open(message, product, parseEnvelope(message.payload, "object"));
    if (envelope === undefined) return;
    this.#packs.handle(message, envelope.params, product);
  }

  /** What fits is stored, and once it is the gateway hears what does not; those it is about hear why in their own traces. */
  #take(message: UplinkMessage, { records, refused, issues, parts }: Pack, now: number): void {
    if (records.length === 0) return this.#refuse(message, issues);
    const { topic, source } = message;
    for (const part of refused) {
      const { device } = part;
      if (device === undefined || device.deviceId === source.device.deviceId) continue;
      this.refusals.add({ device, protocol: source.protocol, topic, code: "invalidArgument", message: summarize(part.issues) });
    }
    if (refused.length > 0) {
      this.#deps.counters.refusedInvalid++;
      const text = `${refused.length} of ${parts} parts are refused, the others stored: ${summarize(issues)}`;
      message.refusedParts = { text, issues };
    }
    this.#appendAll(message, records, now);
  }

  /** One message, many records: it is acknowledged once all are stored, and where one does not fit none is. */
  #batch(message: UplinkMessage, product: ProductModel): void {
    const { device } = message.source;
    const envelope = this.#open(message, product, parseEnvelope(message.payload, "any"));
    if (envelope === undefined) return;
    const { params } = envelope;
    const now = this.#deps.clock.now();
    if (message.meaning.kind === "batchPost" && !isJsonObject(params)) {
      return this.#refuse(message, [{ pointer: "/params", message: "/params must be an object" }]);
    }
    const { records, issues } =
      message.meaning.kind === "batchPost" ? readBatch(params as JsonObject, product, now) : readHistory(params, product, now, device);
    if (issues.length > 0) return this.#refuse(message, issues);
    this.#appendAll(
      message,
      records.map((record) => ({ ...record, device })),
      now,
    );
  }

  #appendAll(message: UplinkMessage, records: readonly PackRecord[], now: number): void {
    const said = message.source.device.deviceId;
    const listener = new BatchAppend(message, records.length);
    const recordIds: string[] = [];
    message.recordIds = recordIds;
    for (let index = 0; index < records.length; index++) {
      const { kind, body, device } = records[index] as PackRecord;
      const given = message.givenId;
      const messageId = given === "" ? createMessageId(now) : deriveMessageId(said, "alink", `${given}|${index}`);
      if (message.waitsForShadow) recordIds.push(messageId);
      this.#toLog({ messageId, device, kind, receivedAtMs: now, body }, listener);
    }
  }

  /** What a device answers to a property set goes to who follows the log, as it is. */
  #setReply(message: UplinkMessage): void {
    const { reply, issue } = parseReply(message.payload);
    message.releasePayload();
    if (issue !== undefined) return this.#refuse(message, [issue]);
    this.#append(message, "reply", JSON.stringify({ topic: message.topic, ...reply }), this.#deps.clock.now());
  }

  #custom(message: UplinkMessage): void {
    const { productKey, deviceName } = message.source.device;
    const { payload } = message;
    const topic = `/${productKey}/${deviceName}/user/${message.meaning.name}`;
    const payloadBase64 = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("base64");
    message.releasePayload();
    this.#append(message, "message", JSON.stringify({ topic, payloadBase64 }), this.#deps.clock.now());
  }

  #append(message: UplinkMessage, kind: RecordKind, body: string, now: number): void {
    const messageId = message.givenId === "" ? createMessageId(steadyClock.now()) : message.givenId;
    if (message.waitsForShadow) message.recordIds = [messageId];
    this.#toLog({ messageId, device: message.source.device, kind, receivedAtMs: now, body }, message);
  }

  #toLog(record: NewRecord, listener: AppendListener): void {
    if (this.#requests.isBusy(record.device.deviceId)) this.#toLogLater(record, listener);
    else this.#toStream(record, listener);
  }

  /** In the order in which the device said it. */
  #toLogLater(record: NewRecord, listener: AppendListener): void {
    if (this.#requests.after(record.device.deviceId, () => this.#toStream(record, listener))) return;
    this.#deps.counters.refusedQuota++;
    listener.onAppended(Appended.Failed, -1);
  }

  #toStream(record: NewRecord, listener: AppendListener): void {
    if (this.#deps.stream.append(record, listener)) return;
    this.#deps.counters.refusedUnavailable++;
    listener.onAppended(Appended.Failed, -1);
  }

  /** Nothing is stored; the device hears why, whether it asked for replies or not. */
  #refuse(message: UplinkMessage, issues: readonly FieldIssue[]): void {
    this.#deps.counters.refusedInvalid++;
    const { source, token, id } = message;
    const text = summarize(issues);
    const topic = message.replyTopic;
    if (topic !== "" && source.wantsReply(topic)) {
      source.onReply(token, topic, refusalReply(id, message.method, { code: "invalidArgument", message: text, issues }));
    }
    message.settle("invalidArgument", text);
  }
}

/** For products that want it, the id of a report is the message's own. */
function giveId(message: UplinkMessage, product: ProductModel): void {
  if (!product.deduplicatesIds || message.givenId !== "") return;
  // Devices count from one again when they start anew: only the very same message under the same id is the same one.
  const said = `${message.topic}|${message.id}|${hash("sha256", message.payload, "hex")}`;
  message.givenId = deriveMessageId(message.source.device.deviceId, "alink", said);
}
