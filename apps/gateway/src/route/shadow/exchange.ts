// A device's request to its shadow, from its payload to the reply: what is asked of the shadow service, and in which words it is answered.
import {
  type AskedAs,
  type DownlinkTopicKind,
  formatTopic,
  PlatformError,
  type ShadowAddress,
  type ShadowApi,
  type ShadowUpdate,
  type ShadowView,
} from "@mooring/contracts";
import type { UplinkMessage } from "../uplink-message.ts";
import { acceptedReply, documentReply, failureOf, failureReply, parseAlibaba } from "./alibaba.ts";
import { awsShadow } from "./aws.ts";
import type { ShadowDialect } from "./dialect.ts";
import { acceptedDocument, deletedDocument, nativeShadow } from "./native.ts";
import { parseBare, parseUpdate, type ShadowRequest } from "./parse.ts";
import { noSuchShadow } from "./refusal.ts";

export interface Reply {
  readonly topic: string;
  /** Called at most once, and only if somebody listens. */
  readonly body: () => string;
  /** The same without what may be large, for a client that takes no packet of that size. */
  readonly brief?: () => string;
}

/** One request and its possible answers. */
export interface Exchange {
  /** The request cannot be done as it was said. */
  readonly error: PlatformError | undefined;
  /** Rejects with why not. Undefined: there is nothing to hear, or it comes from elsewhere. */
  run(): Promise<Reply | undefined>;
  refused(error: PlatformError, nowMs: number): Reply | undefined;
}

export type ShadowOfDevice = Pick<ShadowApi, "get" | "update" | "delete">;

export const shadowDialects: Readonly<Record<"native" | "aws", ShadowDialect>> = { native: nativeShadow, aws: awsShadow };

/** Get, update and delete in the platform's and in AWS's words. */
export function shadowExchange(message: UplinkMessage, shadow: ShadowOfDevice): Exchange {
  const { meaning } = message;
  const dialect = shadowDialects[meaning.dialect];
  switch (meaning.kind) {
    case "shadowGet":
      return getExchange(message, shadow, dialect);
    case "shadowDelete":
      return deleteExchange(message, shadow, dialect);
    default:
      return updateExchange(message, shadow, dialect);
  }
}

function getExchange(message: UplinkMessage, shadow: ShadowOfDevice, dialect: ShadowDialect): Exchange {
  const request = parseBare(message.payload);
  return {
    error: request.error,
    async run() {
      const view = await existing(message, shadow, dialect);
      return replyTo(message, "shadowGetAccepted", () => dialect.document(view, request));
    },
    refused: (error, nowMs) => refusalTo(message, "shadowGetRejected", (shown) => dialect.rejected(shown, request, nowMs), error),
  };
}

function updateExchange(message: UplinkMessage, shadow: ShadowOfDevice, dialect: ShadowDialect): Exchange {
  const request = parseUpdate(message.payload);
  return {
    error: request.error,
    async run() {
      const { reported, desired } = request;
      const update: ShadowUpdate = {
        ...changeOf(message, request),
        receivedAtMs: message.receivedAtMs,
        ...(reported === undefined ? {} : { reported }),
        ...(desired === undefined ? {} : { desired }),
      };
      const view = await shadow.update(message.source.caller, update);
      // Who listens on topics hears it from the shadow itself, in one order with everything else that happens to it.
      if (!message.source.answersInline) return undefined;
      return replyTo(message, "shadowUpdateAccepted", () => acceptedDocument(view, request));
    },
    refused: (error, nowMs) => refusalTo(message, "shadowUpdateRejected", (shown) => dialect.rejected(shown, request, nowMs), error),
  };
}

function deleteExchange(message: UplinkMessage, shadow: ShadowOfDevice, dialect: ShadowDialect): Exchange {
  const request = parseBare(message.payload);
  return {
    error: request.error,
    async run() {
      if (dialect.missesEmpty) await existing(message, shadow, dialect);
      const view = await shadow.delete(message.source.caller, changeOf(message, request));
      return message.source.answersInline ? replyTo(message, "shadowDeleteAccepted", () => deletedDocument(view, request)) : undefined;
    },
    refused: (error, nowMs) => refusalTo(message, "shadowDeleteRejected", (shown) => dialect.rejected(shown, request, nowMs), error),
  };
}

/** The document. Rejects where the dialect says that a shadow without content is none. */
async function existing(message: UplinkMessage, shadow: ShadowOfDevice, dialect: ShadowDialect): Promise<ShadowView> {
  const { device, caller } = message.source;
  const view = await shadow.get(caller, addressOf(message));
  const isEmpty = Object.keys(view.desired).length === 0 && Object.keys(view.reported).length === 0;
  if (dialect.missesEmpty && isEmpty) throw noSuchShadow(message.meaning.name || `${device.productKey}.${device.deviceName}`);
  return view;
}

/** All that Alibaba's devices say to their shadow, on its one topic. */
export function alibabaExchange(message: UplinkMessage, shadow: ShadowOfDevice): Exchange {
  const request = parseAlibaba(message.payload);
  const { source } = message;
  const reply = (body: () => string): Reply => ({ topic: formatTopic("alibabaShadowPush", source.device), body });
  const { failure } = request;
  return {
    error: failure === undefined ? undefined : new PlatformError("invalidArgument", failure.errormessage),
    async run() {
      if (request.failure !== undefined) return undefined;
      if (request.method === "get") {
        const view = await shadow.get(source.caller, addressOf(message));
        return reply(() => documentReply(view));
      }
      const { method: _method, ...patch } = request;
      const view = await shadow.update(source.caller, {
        ...{ ...addressOf(message), ...patch },
        ...{ askedAs: { ...askedAs(message), dialect: "alibaba" }, receivedAtMs: message.receivedAtMs },
        ...givenTo(message),
      });
      return source.answersInline ? reply(() => acceptedReply(view)) : undefined;
    },
    refused: (error, nowMs) => reply(() => failureReply(failure ?? failureOf(error), nowMs)),
  };
}

function changeOf(message: UplinkMessage, { version, clientToken }: ShadowRequest) {
  return {
    ...addressOf(message),
    askedAs: askedAs(message),
    ...(version === undefined ? {} : { expectedVersion: version }),
    ...(clientToken === undefined ? {} : { clientToken }),
    ...givenTo(message),
  };
}

/** The id that the device gave the message, if it did. */
function givenTo({ givenId }: UplinkMessage): { readonly messageId?: string } {
  return givenId === "" ? {} : { messageId: givenId };
}

function askedAs({ isSheddable }: UplinkMessage): AskedAs {
  return { qos: isSheddable ? 0 : 1 };
}

function addressOf({ source, meaning }: UplinkMessage): ShadowAddress {
  const { productKey, deviceName } = source.device;
  return meaning.name === "" ? { productKey, deviceName } : { productKey, deviceName, shadowName: meaning.name };
}

function replyTo({ source, meaning }: UplinkMessage, kind: DownlinkTopicKind, body: () => string): Reply {
  return { topic: formatTopic(kind, source.device, meaning.name, meaning.dialect), body };
}

function refusalTo(message: UplinkMessage, kind: DownlinkTopicKind, write: (error: PlatformError) => string, error: PlatformError): Reply {
  const reply = replyTo(message, kind, () => write(error));
  return error.details.current === undefined ? reply : { ...reply, brief: () => write(new PlatformError(error.code, error.message)) };
}
