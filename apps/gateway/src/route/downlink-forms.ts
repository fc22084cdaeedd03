// What the shadow tells a device, in the form of every dialect in which a device may listen.
//
//                      native                    AWS                       Alink, Alibaba (classic shadow only)
//   shadowAccepted     update/accepted           update/accepted           reply on /shadow/get (to an update made there)
//   shadowDeleted      delete/accepted           delete/accepted
//   shadowDocuments    update/documents          update/documents          control on /shadow/get, when what is desired changed
//   shadowDelta        update/delta              update/delta              thing/service/property/set
import {
  type DeviceRef,
  type Downlink,
  type DownlinkKind,
  type DownlinkTopicKind,
  formatTopic,
  type ShadowMessage,
} from "@mooring/contracts";
import { acceptedReply, controlMessage } from "./shadow/alibaba.ts";
import { awsShadow } from "./shadow/aws.ts";

/** A message in one dialect's words. Encoded when the first connection wants it, and the same bytes for all that do. */
export interface Form {
  readonly topic: string;
  /** Undefined when this dialect has nothing to say here. */
  payload(): Uint8Array | undefined;
}

/** A kind that everyone hears who listens. */
export type ShadowKind = Exclude<DownlinkKind, "call">;

const topicKinds: Readonly<Record<ShadowKind, DownlinkTopicKind>> = {
  shadowAccepted: "shadowUpdateAccepted",
  shadowDeleted: "shadowDeleteAccepted",
  shadowDocuments: "shadowDocuments",
  shadowDelta: "shadowDelta",
};

/** All forms of a downlink that tells of a shadow. Its payload is JSON of our own making (ShadowMessage) and is read at most once. */
export function formsOf(device: DeviceRef, downlink: Downlink & { readonly kind: ShadowKind }): readonly Form[] {
  const { kind, payload, shadowName = "" } = downlink;
  let parsed: ShadowMessage | undefined;
  const message = (): ShadowMessage => {
    parsed ??= JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("utf8")) as ShadowMessage;
    return parsed;
  };
  const forms: Form[] = [
    { topic: formatTopic(topicKinds[kind], device, shadowName), payload: () => payload },
    once(formatTopic(topicKinds[kind], device, shadowName, "aws"), () => awsShadow.message(message())),
  ];
  if (shadowName !== "") return forms;
  // Alibaba's devices hear of their own updates only; of others' there is a control message.
  const isAlibabas = downlink.askedAs?.dialect === "alibaba";
  const alibaba = formatTopic("alibabaShadowPush", device);
  if (kind === "shadowDelta") forms.push(once(formatTopic("propertySet", device), () => propertySet(message())));
  else if (kind === "shadowDocuments") forms.push(once(alibaba, () => controlMessage(message())));
  else if (kind === "shadowAccepted" && isAlibabas) forms.push(once(alibaba, () => alibabaReply(message())));
  return forms;
}

function once(topic: string, render: () => string | undefined): Form {
  let payload: Uint8Array | undefined;
  let isRendered = false;
  return {
    topic,
    payload() {
      if (!isRendered) {
        const text = render();
        payload = text === undefined ? undefined : Buffer.from(text);
        isRendered = true;
      }
      return payload;
    },
  };
}

function alibabaReply({ version, timestamp }: ShadowMessage): string {
  return acceptedReply({ version, timestampMs: timestamp });
}

/** Alink's ids are decimal numbers of 32 bits. The version makes the same delta the same request. */
function propertySet({ state, version }: ShadowMessage): string {
  return JSON.stringify({ id: String(version % 2 ** 32), version: "1.0", params: state, method: "thing.service.property.set" });
}
