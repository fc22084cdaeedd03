// What a sequence is made of: the steps of clients, of time, and of what breaks.
import type { Qos } from "@mooring/mqtt";
import fc from "fast-check";

export interface WillChoice {
  readonly topic: string;
  readonly qos: Qos;
  readonly delayS: number;
  readonly retain: boolean;
}

export type Step =
  | { readonly do: "nothing" }
  | {
      readonly do: "connect";
      readonly client: number;
      readonly clean: boolean;
      readonly expiryS: number;
      readonly receiveMaximum: number;
      readonly will: WillChoice | null;
    }
  | { readonly do: "disconnect"; readonly client: number; readonly withWill: boolean; readonly expiryS: number | undefined }
  | { readonly do: "lose" | "keepAlive" | "stall" | "read" | "answerAtOnce" | "answerLater"; readonly client: number }
  | { readonly do: "answer"; readonly client: number; readonly count: number }
  | {
      readonly do: "publish";
      readonly client: number;
      readonly topic: string;
      readonly qos: Qos;
      readonly retain: boolean;
      readonly isEmpty: boolean;
      readonly expiryS: number | undefined;
      readonly count: number;
    }
  | {
      readonly do: "subscribe";
      readonly client: number;
      readonly filter: string;
      readonly qos: Qos;
      readonly noLocal: boolean;
      readonly retainAsPublished: boolean;
      readonly retainHandling: number;
    }
  | { readonly do: "unsubscribe"; readonly client: number; readonly filter: string }
  | { readonly do: "hold" | "release" | "breakStreams" | "loseNextAck" | "crash" | "shutDown" }
  | { readonly do: "advance"; readonly seconds: number };

/** How far the process gets before the next step: nowhere, one turn of the event loop, or until nothing is left to do. */
export type Pace = "same turn" | "next turn" | "settled";
export type PacedStep = readonly [Step, Pace];

/** No topic is matched by two kinds of filters, nor by two groups: so it is plain which subscription a copy came by. */
const topics = ["a/1", "a/1", "a/2", "b", "s/x/1", "s/y"];
const directFilters = ["a/1", "a/+", "a/#", "a/#", "b", "+"];
const sharedFilters = ["$share/g/s/x/#", "$share/h/s/y"];

const qos = fc.constantFrom<Qos>(0, 1, 1, 2, 2);
const client = fc.integer({ min: 0, max: 4 });
/** What publishers and subscribers choose from. */
export interface Focus {
  readonly topics: readonly string[];
  readonly filters: readonly string[];
  readonly expiriesS: readonly number[];
}

export const everything: Focus = { topics, filters: [...directFilters, ...sharedFilters], expiriesS: [0, 5, 3_600, 3_600, 3_600] };
/** All goes through groups, whose members come and go. */
export const groups: Focus = {
  topics: ["s/x/1", "s/y", "s/y"],
  filters: [...sharedFilters, "$share/h/s/y"],
  expiriesS: [0, 5, 5, 5, 3_600],
};

const willTo = (topic: fc.Arbitrary<string>) => fc.record({ topic, qos, delayS: fc.constantFrom(0, 0, 3, 10), retain: fc.boolean() });
const rarely = fc.integer({ min: 0, max: 5 }).map((n) => n === 5);

const one = <T extends Step["do"]>(name: T) => fc.constant(name);

function stepOf({ topics, filters, expiriesS }: Focus): fc.Arbitrary<Step> {
  const topic = fc.constantFrom(...topics);
  const filter = fc.constantFrom(...filters);
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 1, arbitrary: fc.record({ do: one("nothing") }) },
    {
      weight: 10,
      arbitrary: fc.record({
        do: one("connect"),
        client,
        clean: rarely,
        expiryS: fc.constantFrom(...expiriesS),
        receiveMaximum: fc.constantFrom(1, 2, 3, 65_535),
        will: fc.option(willTo(topic)),
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        do: one("disconnect"),
        client,
        withWill: fc.boolean(),
        expiryS: fc.constantFrom(undefined, undefined, 0, 5, 3_600),
      }),
    },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constantFrom("lose", "keepAlive", "stall", "read", "answerAtOnce", "answerLater"), client }),
    },
    { weight: 4, arbitrary: fc.record({ do: one("answer"), client, count: fc.integer({ min: 1, max: 4 }) }) },
    {
      weight: 26,
      arbitrary: fc.record({
        do: one("publish"),
        client,
        topic,
        qos,
        retain: rarely,
        isEmpty: rarely,
        expiryS: fc.constantFrom(undefined, undefined, undefined, undefined, 2),
        count: fc.constantFrom(1, 1, 2, 5, 15),
      }),
    },
    {
      weight: 14,
      arbitrary: fc.record({
        do: one("subscribe"),
        client,
        filter,
        qos: fc.constantFrom<Qos>(0, 1, 2, 2),
        noLocal: rarely,
        retainAsPublished: fc.boolean(),
        retainHandling: fc.constantFrom(0, 1, 2),
      }),
    },
    { weight: 3, arbitrary: fc.record({ do: one("unsubscribe"), client, filter }) },
    { weight: 6, arbitrary: fc.record({ do: fc.constantFrom("hold", "release", "release", "breakStreams", "loseNextAck") }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("crash", "crash", "shutDown") }) },
    { weight: 5, arbitrary: fc.record({ do: one("advance"), seconds: fc.constantFrom(1, 2, 4, 12) }) },
  );
}

const pace = fc.constantFrom<Pace>("settled", "settled", "next turn", "same turn");

export function sequences(length: number, focus: Focus): fc.Arbitrary<PacedStep[]> {
  return fc.array(fc.tuple(stepOf(focus), pace), { minLength: length, maxLength: length, size: "max" });
}
