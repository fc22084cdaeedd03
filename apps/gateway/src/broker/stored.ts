// Between sessions and messages as they are here and as the store has them.
import { randomUUID } from "node:crypto";
import type { MessageProperties, QueueItem, StoredMessage, StoredSession, StoredWill } from "@mooring/contracts";
import type { Properties, Qos } from "@mooring/mqtt";
import { Flight, FlightState } from "./flight.ts";
import { createMessage, type Message } from "./message.ts";
import type { Session } from "./session.ts";
import type { SessionWill } from "./will.ts";

export function storedMessage(message: Message, tenantId: string, nowMs: number): StoredMessage {
  return {
    messageId: randomUUID(),
    tenantId,
    topic: message.topic,
    payload: message.payload,
    qos: message.qos,
    receivedAtMs: nowMs,
    ...(message.expiresAtMs === 0 ? {} : { expiresAtMs: message.expiresAtMs }),
    properties: storedProperties(message.properties),
    publisher: "",
  };
}

/** `retain` is the message's own flag; what a subscriber sees is in its flight. */
export function messageOfStored({ topic, payload, qos, expiresAtMs = 0, properties }: StoredMessage, retain: boolean): Message {
  return createMessage({ topic, payload, qos: qos as Qos, retain, properties: propertiesOf(properties) }, expiresAtMs);
}

export function flightOf(item: QueueItem): Flight {
  const message = item.isReleased ? null : messageOfStored(item.message, false);
  const ids = item.subscriptionIds.length === 0 ? null : item.subscriptionIds;
  const flight = new Flight(message, item.qos as 1 | 2, item.retain, { ids, share: item.share ?? "" }, item.seq);
  flight.packetId = item.packetId;
  flight.isStored = true;
  if (item.isReleased) flight.state = FlightState.Released;
  // With a packet id it may have left before.
  flight.wasSent = item.packetId !== 0;
  return flight;
}

export function storedSession(session: Session, nodeId: string): StoredSession {
  const { id, owner, clientId, protocolLevel, expiryS, connectedAtMs, disconnectedAtMs, will, space } = session;
  return {
    sessionId: id,
    tenantId: space.tenantId,
    owner,
    clientId,
    protocolLevel,
    expiryIntervalS: expiryS,
    nodeId,
    ...(connectedAtMs === 0 ? {} : { connectedAtMs }),
    ...(disconnectedAtMs === 0 ? {} : { disconnectedAtMs }),
    ...(will === null ? {} : { will: storedWill(will) }),
  };
}

function storedWill({ message, delayS, expiryIntervalS }: SessionWill): StoredWill {
  const { topic, payload, qos, retain, properties } = message;
  const expiry = expiryIntervalS === undefined ? {} : { messageExpiryIntervalS: expiryIntervalS };
  return { topic, payload, qos, retain, delayS, properties: { ...storedProperties(properties), ...expiry } };
}

export function willOfStored({ topic, payload, qos, retain, delayS, properties }: StoredWill): SessionWill {
  const { messageExpiryIntervalS: expiryIntervalS } = properties;
  const message = createMessage({ topic, payload, qos: qos as Qos, retain, properties: propertiesOf(properties) }, 0);
  return { message, delayS, expiryIntervalS };
}

function storedProperties(from: Properties | null): MessageProperties {
  if (from === null) return {};
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties } = from;
  return {
    ...(payloadFormatIndicator === undefined ? {} : { payloadFormatIndicator }),
    ...(contentType === undefined ? {} : { contentType }),
    ...(responseTopic === undefined ? {} : { responseTopic }),
    ...(correlationData === undefined ? {} : { correlationData }),
    ...(userProperties === undefined ? {} : { userProperties: userProperties.map(([name, value]) => ({ name, value })) }),
  };
}

function propertiesOf(from: MessageProperties): Properties | null {
  const { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties = [] } = from;
  const pairs = userProperties.length === 0 ? undefined : userProperties.map(({ name, value }): [string, string] => [name, value]);
  const properties: Properties = { payloadFormatIndicator, contentType, responseTopic, correlationData, userProperties: pairs };
  return Object.values(properties).every((value) => value === undefined) ? null : properties;
}
