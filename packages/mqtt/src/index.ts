export { ClientDecoder, type ClientPacketHandler } from "./client-decoder.ts";
export type { CommonPacketHandler } from "./decode-common.ts";
export { FILTERS_PER_PACKET_MAX } from "./decode-packets.ts";
export { SUBSCRIPTION_IDS_MAX, USER_PROPERTIES_MAX } from "./decode-properties.ts";
export {
  encodeAck,
  encodeAuth,
  encodeConnack,
  encodeConnect,
  encodeDisconnect,
  encodePingreq,
  encodePingresp,
  encodePuback,
  encodePubcomp,
  encodePubrec,
  encodePubrel,
  encodeSuback,
  encodeSubscribe,
  encodeUnsuback,
  encodeUnsubscribe,
} from "./encode-packets.ts";
export { propertiesSize } from "./encode-properties.ts";
export {
  ACK_BYTES,
  type EncodedPublish,
  encodeForFanOut,
  encodePublish,
  forwardedSize,
  type PublishBody,
  publishHeader,
  publishSize,
  writeAck,
  writeEncoded,
  writeForwarded,
  writePublish,
} from "./encode-publish.ts";
export {
  type AckPacket,
  type ConnackPacket,
  type ConnectPacket,
  type Properties,
  type PublishMessage,
  PublishPacket,
  type ReasonPacket,
  type SubscribePacket,
  type SubscriptionAckPacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
  type Will,
} from "./packets.ts";
export { type AckType, PacketType, ProtocolLevel, type Qos, REMAINING_LENGTH_MAX, ReasonCode, STRING_BYTES_MAX } from "./protocol.ts";
export { isDisconnectCodeOf, isReasonCodeOf, returnCodeOfReason } from "./reason-codes.ts";
export { ServerDecoder, type ServerPacketHandler } from "./server-decoder.ts";
export { SubscriptionTrie, TRIE_LEVELS_MAX } from "./subscription-trie.ts";
export {
  filterMatches,
  hasWildcard,
  isValidTopicFilter,
  isValidTopicName,
  parseSharedFilter,
  type SharedFilter,
  TOPIC_BYTES_MAX,
  TOPIC_LEVELS_MAX,
} from "./topic.ts";
export { patchPacketId } from "./write.ts";
