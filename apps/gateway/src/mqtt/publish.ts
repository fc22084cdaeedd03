// Hot: what may be published, and what it means. Sans-I/O.
import { type DeviceAddress, type ErrorCode, errorTable, parseUplinkTopic, type TopicMeaning } from "@mooring/contracts";
import { isReasonCodeOf, PacketType, ProtocolLevel, type PublishPacket, ReasonCode } from "@mooring/mqtt";
import { isOwnTopic, mayPublish } from "../route/acl.ts";

/**
 * The meaning of a topic for one device. Devices publish to one or two topics over and over, so the last answer is kept.
 * `refusal` is 0, or the reason code of a topic that means nothing here (TopicNameInvalid) or is another's (NotAuthorized).
 */
export class TopicReader {
  readonly #device: DeviceAddress;
  #topic = "";
  meaning: TopicMeaning | undefined;
  refusal = 0;

  constructor(device: DeviceAddress) {
    this.#device = device;
  }

  read(topic: string): void {
    if (topic === this.#topic) return;
    this.#topic = topic;
    this.meaning = undefined;
    const meaning = parseUplinkTopic(topic);
    if (meaning === undefined) this.refusal = isOwnTopic(this.#device, topic) ? ReasonCode.TopicNameInvalid : ReasonCode.NotAuthorized;
    else if (!mayPublish(this.#device, meaning)) this.refusal = ReasonCode.NotAuthorized;
    else {
      this.meaning = meaning;
      this.refusal = 0;
    }
  }
}

/** The MQTT 5 user property in which a device gives a message its own id. Of several the first counts. */
export const messageIdProperty = "message-id";

/** The id a device gave its message, as it is; undefined when it gave none. */
export function givenIdOf({ properties }: PublishPacket): string | undefined {
  const userProperties = properties === null ? undefined : properties.userProperties;
  if (userProperties === undefined) return undefined;
  for (let at = 0; at < userProperties.length; at++) {
    const pair = userProperties[at] as [string, string];
    if (pair[0] === messageIdProperty) return pair[1];
  }
  return undefined;
}

/** The PUBACK code of what is wrong with a message; UnspecifiedError where MQTT 5 has none for it (s3.4.2.1). */
export function pubackCode(code: ErrorCode): number {
  const reason = errorTable[code].mqtt;
  return isReasonCodeOf(PacketType.Puback, reason) ? reason : ReasonCode.UnspecifiedError;
}

/** Whether the platform failed, not the message: it is not acknowledged, and the client sends it again after it reconnected. */
export function isPlatformFailure(code: ErrorCode, protocolLevel: ProtocolLevel): boolean {
  if (code === "unavailable" || code === "timeout") return true;
  // MQTT 5 can say so in the PUBACK; before, a PUBACK means success and nothing else.
  return (code === "internal" || code === "quotaExceeded") && protocolLevel !== ProtocolLevel.V5;
}
