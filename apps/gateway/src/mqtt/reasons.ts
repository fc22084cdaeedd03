// What a client of MQTT 5 is told beside a reason code: fixed sentences, the same whatever was found out about it.
import { ReasonCode } from "@mooring/mqtt";

const refusals: Readonly<Record<number, string>> = {
  [ReasonCode.ProtocolError]: "this does not follow the protocol",
  [ReasonCode.ClientIdentifierNotValid]: "the client identifier is missing or longer than 128 characters",
  [ReasonCode.NotAuthorized]: "the credential is not good for this",
  [ReasonCode.Banned]: "the tenant is suspended",
  [ReasonCode.ServerUnavailable]: "this cannot be decided now; try again later",
  [ReasonCode.ServerBusy]: "there is no room now; try again later",
  [ReasonCode.BadAuthenticationMethod]: "the authentication method is not offered; SCRAM-SHA-256 is",
  [ReasonCode.TopicNameInvalid]: "the will topic has more bytes or levels than a topic may have",
  [ReasonCode.PacketTooLarge]: "the answer does not fit into the Maximum Packet Size",
  [ReasonCode.QuotaExceeded]: "a limit on connections or sessions is reached",
};

/** Why a CONNECT is refused; undefined where the code says it all. */
export function signOnReason(reasonCode: number): string | undefined {
  return refusals[reasonCode];
}

const refusedFilters: Readonly<Record<number, string>> = {
  [ReasonCode.NotAuthorized]: "the client may not subscribe to this filter",
  [ReasonCode.TopicFilterInvalid]: "the filter is none, or has more bytes or levels than a filter may have",
  [ReasonCode.QuotaExceeded]: "the session has as many subscriptions as it may have",
  [ReasonCode.SharedSubscriptionsNotSupported]: "a device's topics of the platform cannot be shared",
};

/** Why a filter is refused; undefined for one that is granted. */
export function subscribeReason(reasonCode: number): string | undefined {
  return refusedFilters[reasonCode];
}

/** What UNSUBACK says of a filter; undefined for one that is gone as asked. */
export function unsubscribeReason(reasonCode: number): string | undefined {
  return reasonCode === ReasonCode.NoSubscriptionExisted ? "there was no subscription to this filter" : undefined;
}

/** What goes with an acknowledgement that nobody has given words; "" for one that needs none. */
export function acknowledgeReason(reasonCode: number): string {
  return reasonCode === ReasonCode.PacketIdentifierNotFound ? "no message is under way with this packet identifier" : "";
}

/** Why a client of the broker may not publish. */
export function publishReason(reasonCode: number): string {
  return reasonCode === ReasonCode.QuotaExceeded ? "no room for another retained message" : "the client may not publish to this topic";
}
