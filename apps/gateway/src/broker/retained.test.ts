import { filterMatches, isValidTopicFilter, type Properties, type Qos } from "@mooring/mqtt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createMessage, Message } from "./message.ts";
import { RetainedMessages } from "./retained.ts";

interface Said {
  readonly topic: string;
  readonly payload: string;
  readonly qos: Qos;
  readonly properties: Properties | null;
  readonly expiresAtMs: number;
}

/** Few names, so that topics share levels: empty ones, long ones, of two bytes per character, and what differs in a word's last character. */
const levels = [
  "",
  "a",
  "b",
  "$SYS",
  "$",
  "abcdefghijkl",
  "abcdefghijkm",
  "abcdefghijklm",
  "a-level-of-many-characters",
  "ö",
  "Ĥ",
  "жж",
  "уровень-с-длинным-именем",
];
const level = fc.constantFrom(...levels);
const topic = fc
  .array(level, { minLength: 1, maxLength: 4 })
  .map((parts) => parts.join("/"))
  .filter((text) => text !== "");
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant("+")), { maxLength: 4 }), fc.boolean())
  .map(([parts, endsInHash]) => [...parts, ...(endsInHash ? ["#"] : [])].join("/"))
  .filter((text) => isValidTopicFilter(text));
const said: fc.Arbitrary<Said> = fc.record({
  topic,
  payload: fc.string({ minLength: 1, maxLength: 40 }),
  qos: fc.constantFrom<Qos>(0, 1, 2),
  properties: fc.option(fc.record({ contentType: fc.string() }), { nil: null }),
  expiresAtMs: fc.constantFrom(0, 0, 100, 200),
});

/** As a will comes, or as a packet of MQTT 3.1.1 does: with its whole body. */
function messageOf({ topic, payload, qos, properties, expiresAtMs }: Said, isPacket: boolean): Message {
  if (!isPacket || properties !== null || expiresAtMs !== 0)
    return createMessage({ topic, payload: Buffer.from(payload), qos, retain: true, properties }, expiresAtMs);
  const name = Buffer.from(topic);
  const head = Buffer.concat([Buffer.from([name.length >> 8, name.length & 0xff]), name, Buffer.alloc(qos === 0 ? 0 : 2)]);
  const buffer = Buffer.concat([Buffer.from("before"), head, Buffer.from(payload)]);
  const body = { buffer, bodyStart: 6, payloadStart: 6 + head.length, payloadEnd: buffer.length };
  return new Message({ topic, qos, retain: true, properties, expiresAtMs }, { isV5: false, isPlain: true, ...body });
}

function whatIsSaid({ topic, payload, qos, retain, properties, expiresAtMs }: Message) {
  return { topic, payload: payload.toString(), qos, retain, properties, expiresAtMs };
}

function matching(retained: RetainedMessages, filter: string): Message[] {
  const places = retained.match(filter);
  const found: Message[] = [];
  for (let at = 0; at < places.length; at += 2) found.push(retained.at(places, at) as Message);
  return found;
}

/** How many levels there are in these topics, those that they share counted once. */
function levelsOf(topics: readonly string[]): number {
  return new Set(topics.flatMap((topic) => topic.split("/").map((_, at, all) => all.slice(0, at + 1).join("/")))).size;
}

type Step =
  | { readonly put: Said; readonly isPacket: boolean }
  | { readonly drop: string }
  | { readonly expire: number }
  | { readonly match: string };
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ put: said, isPacket: fc.boolean() }) },
  { weight: 3, arbitrary: topic.map((drop) => ({ drop })) },
  { weight: 3, arbitrary: filter.map((match) => ({ match })) },
  { weight: 1, arbitrary: fc.constantFrom(99, 100, 200).map((expire) => ({ expire })) },
);

describe("retained messages", () => {
  test("are those of a map by topic, and match as a filter alone does [MQTT-3.3.1-5], [MQTT-4.7.2-1]", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const retained = new RetainedMessages();
        const expected = new Map<string, Message>();
        for (const one of steps) {
          if ("put" in one) {
            const message = messageOf(one.put, one.isPacket);
            retained.put(message);
            expected.set(message.topic, message);
          } else if ("drop" in one) expect(retained.delete(one.drop)).toBe(expected.delete(one.drop));
          else if ("expire" in one) {
            retained.expire(one.expire);
            for (const message of expected.values()) if (message.isExpired(one.expire)) expected.delete(message.topic);
          } else {
            const found = matching(retained, one.match).map(whatIsSaid);
            const wanted = [...expected.values()].filter(({ topic }) => filterMatches(one.match, topic)).map(whatIsSaid);
            const byTopic = (a: { topic: string }, b: { topic: string }): number => (a.topic < b.topic ? -1 : 1);
            expect(found.sort(byTopic)).toEqual(wanted.sort(byTopic));
          }
          expect(retained.count).toBe(expected.size);
          expect(retained.bytes).toBe([...expected.values()].reduce((sum, { bytes }) => sum + bytes, 64 * levelsOf([...expected.keys()])));
        }
        for (const [topic, message] of expected) {
          expect(whatIsSaid(retained.find(topic) as Message)).toEqual(whatIsSaid(message));
          expect(retained.charge(topic)).toBe(message.bytes);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("a body that can go on as it is, goes on as it came", () => {
    const retained = new RetainedMessages();
    const message = messageOf({ topic: "a/ö", payload: "p", qos: 1, properties: null, expiresAtMs: 0 }, true);
    retained.put(message);
    const { buffer, bodyStart, payloadEnd, isPlain, isV5 } = retained.find("a/ö") as Message;
    expect(buffer.subarray(bodyStart, payloadEnd)).toEqual(message.buffer.subarray(message.bodyStart));
    expect([isPlain, isV5]).toEqual([true, false]);
  });

  test("a place is empty once its message is replaced or gone, also when the same message comes again", () => {
    const retained = new RetainedMessages();
    const message = (topic: string) => messageOf({ topic, payload: "p", qos: 0, properties: null, expiresAtMs: 0 }, false);
    for (const topic of ["a", "b", "c"]) retained.put(message(topic));
    const places = retained.match("#");
    const there = (): string[] => [0, 2, 4].flatMap((at) => retained.at(places, at)?.topic ?? []).sort();
    expect(there()).toEqual(["a", "b", "c"]);
    retained.put(message("a"));
    retained.delete("b");
    retained.put(message("b"));
    expect(there()).toEqual(["c"]);
    retained.delete("c");
    retained.put(message("d"));
    expect(there()).toEqual([]);
  });

  test("a message for which there is no memory leaves all as it was: the one before it, and what comes to other topics", () => {
    const retained = new RetainedMessages();
    const message = (topic: string, payload: string) => messageOf({ topic, payload, qos: 0, properties: null, expiresAtMs: 0 }, false);
    retained.put(message("a", "before"));
    const { bytes } = retained;
    const body = { buffer: Buffer.alloc(0), bodyStart: 0, payloadStart: 0, payloadEnd: 2 ** 53, isV5: false, isPlain: false };
    for (const topic of ["a", "b/c"]) {
      const endless = new Message({ topic, qos: 0, retain: true, properties: null, expiresAtMs: 0 }, body);
      expect(() => retained.put(endless)).toThrow();
    }
    for (const topic of ["d", "e", "f"]) retained.put(message(topic, topic));
    expect(matching(retained, "#").map(({ payload }) => payload.toString())).toEqual(expect.arrayContaining(["before", "d", "e", "f"]));
    for (const topic of ["d", "e", "f"]) retained.delete(topic);
    expect([retained.count, retained.bytes, matching(retained, "#").length]).toEqual([1, bytes, 1]);
  });

  test("a copy is not changed by what replaces the message", () => {
    const retained = new RetainedMessages();
    const put = (payload: string) => retained.put(messageOf({ topic: "a", payload, qos: 0, properties: null, expiresAtMs: 0 }, false));
    put("before");
    const copy = (retained.find("a") as Message).copy();
    put("after.");
    expect(copy.payload.toString()).toBe("before");
    expect(retained.find("a")?.payload.toString()).toBe("after.");
  });

  test("what they are charged is what they take, of topics with hundreds of levels too", () => {
    const retained = new RetainedMessages();
    const before = process.memoryUsage().arrayBuffers;
    const deep = "/".repeat(200);
    for (let i = 0; i < 2_000; i++)
      retained.put(messageOf({ topic: `${i}${deep}`, payload: "p", qos: 0, properties: null, expiresAtMs: 0 }, false));
    // With what is garbage of the tables that grew, and of the tests before.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * retained.bytes);
  });

  test("thousands come and go, and places from before are empty", () => {
    const retained = new RetainedMessages();
    const topics = Array.from({ length: 5_000 }, (_, i) => `site/${i % 7}/device-with-a-long-name-${i}/value`);
    const message = (topic: string) => messageOf({ topic, payload: "p", qos: 0, properties: null, expiresAtMs: 0 }, false);
    for (const topic of topics) retained.put(message(topic));
    const places = retained.match("#");
    expect(places.length).toBe(10_000);
    for (const topic of topics) expect(retained.delete(topic)).toBe(true);
    expect([retained.count, retained.bytes, retained.match("#").length]).toEqual([0, 0, 0]);
    retained.put(message("site/0"));
    for (let at = 0; at < places.length; at += 2) expect(retained.at(places, at)).toBeUndefined();
    expect(retained.find("site/0")?.topic).toBe("site/0");
  });
});
