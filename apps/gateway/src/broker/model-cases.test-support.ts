// What the model found, at its shortest, each under the promise that was broken.
import type { PacedStep, Step, WillChoice } from "./model-steps.test-support.ts";

type Of<Name extends Step["do"]> = Extract<Step, { readonly do: Name }>;

const connect = (client: number, more: Partial<Of<"connect">> = {}): Step => ({
  ...{ do: "connect", client, clean: false, expiryS: 3_600, receiveMaximum: 65_535, will: null },
  ...more,
});
const publish = (client: number, topic: string, qos: 1 | 2, more: Partial<Of<"publish">> = {}): Step => ({
  ...{ do: "publish", client, topic, qos, retain: false, isEmpty: false, expiryS: undefined, count: 1 },
  ...more,
});
const subscribe = (client: number, filter: string, qos: 0 | 1 | 2): Step => ({
  ...{ do: "subscribe", client, filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 },
});
const unsubscribe = (client: number, filter: string): Step => ({ do: "unsubscribe", client, filter });
const [hold, release, crash] = [{ do: "hold" }, { do: "release" }, { do: "crash" }] as const;
const advance = (seconds: number): Step => ({ do: "advance", seconds });
const lose = (client: number): Step => ({ do: "lose", client });
const answerLater = (client: number): Step => ({ do: "answerLater", client });
const willTo = (topic: string): WillChoice => ({ topic, qos: 2, delayS: 3, retain: false });

export interface Case {
  readonly promise: string;
  readonly steps: readonly Step[];
  /** No limit unless it is said. */
  readonly queueMax?: number;
}

const fifteen = [publish(1, "a/1", 2, { count: 5 }), publish(1, "a/1", 1, { count: 5 }), publish(1, "a/1", 2, { count: 5 })];

export const cases: readonly Case[] = [
  {
    promise: "a QoS 2 message that comes again on another connection is not acknowledged before it is on disk",
    steps: [connect(0), hold, publish(0, "a/1", 2), connect(0)],
  },
  {
    promise: "a PUBREL that comes again on another connection is not answered before it is on disk",
    steps: [connect(0), { do: "stall", client: 0 }, publish(0, "a/1", 2), hold, { do: "read", client: 0 }, connect(0)],
  },
  {
    promise: "a subscription that UNSUBACK has ended does not come back with a crash",
    steps: [subscribe(1, "b", 1), hold, unsubscribe(1, "b"), crash, publish(0, "b", 1)],
  },
  {
    promise: "a message that expired while it was being written does not leave [MQTT-3.3.2-5]",
    steps: [subscribe(1, "b", 1), hold, publish(0, "b", 1, { expiryS: 2 }), advance(2), release],
  },
  {
    promise: "a message that expired while it was being written is owed to nobody, though its publisher sends it again",
    steps: [
      subscribe(3, "a/1", 0),
      subscribe(2, "a/#", 2),
      hold,
      publish(3, "a/1", 1, { expiryS: 2 }),
      advance(2),
      unsubscribe(2, "a/#"),
      connect(3),
    ],
  },
  {
    promise: "what is sent again keeps to the Receive Maximum of the new connection [MQTT-3.3.4-9]",
    steps: [connect(0), answerLater(0), subscribe(0, "a/1", 1), publish(1, "a/1", 1, { count: 5 }), connect(0, { receiveMaximum: 1 })],
  },
  {
    promise: "a QoS 2 message that is in flight is brought to its end though it expires [MQTT-4.3.3]",
    steps: [answerLater(2), subscribe(2, "a/1", 2), publish(3, "a/1", 2, { expiryS: 2 }), crash, advance(4)],
  },
  {
    promise: "a full queue gives up no message that is in flight: its packet id is not free",
    queueMax: 12,
    steps: [answerLater(0), subscribe(0, "a/1", 2), publish(0, "a/1", 2), crash, publish(1, "a/1", 2, { count: 15 })],
  },
  {
    promise: "a queue that is full by one gives up one",
    queueMax: 12,
    steps: [
      subscribe(0, "a/1", 1),
      lose(0),
      publish(1, "a/1", 1, { count: 5 }),
      publish(1, "a/1", 1, { count: 5 }),
      publish(1, "a/1", 1, { count: 5 }),
    ],
  },
  {
    promise: "what makes room in a queue is not given up when its session has come back meanwhile",
    queueMax: 12,
    steps: [
      ...[connect(2, { will: { ...willTo("a/1"), delayS: 0 } }), subscribe(2, "a/+", 2), answerLater(2), ...fifteen, connect(2)],
      ...[{ do: "disconnect", client: 2, withWill: false, expiryS: undefined } as const, publish(1, "a/1", 2)],
    ],
  },
  {
    promise: "the will of a session that ends does not go to that session as the member of a group whose turn it is",
    steps: [
      ...[connect(0, { will: willTo("s/y") }), subscribe(0, "$share/h/s/y", 2), subscribe(1, "$share/h/s/y", 2)],
      ...[lose(1), connect(0, { clean: true })],
    ],
  },
];

const share = "$share/h/s/y";
/** Two members that are away, and a message for each of them. */
const [bothAway, another] = [[lose(0), lose(1), publish(3, "s/y", 1, { count: 2 })], connect(0, { clean: true })];

/** What a member leaves of its group: none of these is lost, and none of QoS 2 comes twice. */
export const groupCases: readonly Case[] = [
  {
    promise: "what waits for a member whose session is ended by a clean start goes to another member",
    steps: [subscribe(0, share, 1), subscribe(1, share, 1), ...bothAway, another],
  },
  {
    promise: "what waits for a member whose session expires goes to another member",
    steps: [connect(0, { expiryS: 5 }), subscribe(0, share, 2), subscribe(1, share, 2), ...bothAway, advance(12)],
  },
  {
    promise: "what waits for a member whose session expires while no gateway runs goes to another member",
    steps: [connect(0, { expiryS: 5 }), subscribe(0, share, 1), subscribe(1, share, 1), ...bothAway, hold, advance(12), crash],
  },
  {
    promise: "a QoS 1 message that has a packet id and never left goes to another member when the session ends",
    steps: [subscribe(0, share, 1), hold, publish(3, "s/y", 1), lose(0), subscribe(1, share, 1), release, another],
  },
  {
    promise: "a QoS 2 message whose delivery has begun goes to nobody else when the session ends [MQTT-4.8.2-5]",
    steps: [answerLater(0), subscribe(0, share, 2), publish(3, "s/y", 2), subscribe(1, share, 2), lose(0), another],
  },
  {
    promise: "what was not sent to a member that unsubscribes goes to another member, and what was sent stays [MQTT-3.10.4-3]",
    steps: [
      ...[connect(0, { receiveMaximum: 1 }), answerLater(0), subscribe(0, share, 2), publish(3, "s/y", 2, { count: 5 })],
      ...[subscribe(1, share, 2), unsubscribe(0, share), lose(0), connect(0)],
    ],
  },
];

export function settled(steps: readonly Step[]): PacedStep[] {
  return steps.map((step): PacedStep => [step, "settled"]);
}
