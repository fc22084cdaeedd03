// What a fresh pair of eyes found: each of these went wrong once.
import { encodePublish, encodeSubscribe, encodeUnsubscribe, type Properties, ProtocolLevel, type Qos, ReasonCode } from "@mooring/mqtt";
import { until } from "@mooring/testkit";
import { describe, expect, test } from "vitest";
import { createMessage } from "../broker/message.ts";
import type { Session } from "../broker/session.ts";
import type { Space } from "../broker/space.ts";
import { GatewayCounters } from "../counters.ts";
import type { ChannelStart } from "./channel.ts";
import { ClientChannel } from "./client-channel.ts";
import { createTestSpaces, decoderOf, Recorder, startOf } from "./recorded-channel.test-support.ts";
import { developmentRights } from "./rights.ts";

const limits = { topicBytesMax: 1_024, topicLevelsMax: 64, subscriptionsMax: 100, keptSubscriptionsMax: 100, publishRateMax: 0 };

function connect(space: Space, clientId: string, more: Partial<ChannelStart> = {}, expiryS = 0) {
  const out = new Recorder(ProtocolLevel.V5);
  const session: Session = space.find(`|${clientId}`) ?? space.create(clientId, "anonymous");
  session.protocolLevel = ProtocolLevel.V5;
  session.setExpiry(expiryS);
  const deps = { limits, counters: new GatewayCounters(), rights: developmentRights(["refused"]), figures: { tell: () => undefined } };
  const channel = new ClientChannel(startOf(ProtocolLevel.V5, more), session, deps, out);
  out.channel = channel;
  session.attach(channel, null);
  space.keep(session);
  session.resume();
  const decoder = decoderOf(channel, ProtocolLevel.V5);
  return {
    ...{ out, channel, session },
    subscribe(filter: string, qos: Qos) {
      const subscriptions = [{ filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }];
      decoder.push(encodeSubscribe({ packetId: 1, subscriptions, properties: null }, ProtocolLevel.V5));
    },
    unsubscribe(...filters: readonly string[]) {
      decoder.push(encodeUnsubscribe({ packetId: 2, filters, properties: null }, ProtocolLevel.V5));
    },
    publish(topic: string, payload: string, qos: Qos, packetId = 0, properties: Properties | null = null) {
      const packet = { topic, payload: Buffer.from(payload), qos, retain: false, dup: false, packetId, properties };
      return decoder.push(encodePublish(packet, ProtocolLevel.V5));
    },
  };
}

const route = (space: Space, topic: string, payload: string, qos: Qos, retain = false): void => {
  space.route(createMessage({ topic, payload: Buffer.from(payload), qos, retain, properties: null }, 0), topic, 0, null);
};
const published = (said: readonly string[]): number => said.filter((text) => text.startsWith("publish")).length;

describe("a session that is kept", () => {
  test("PUBREC for a message that was not sent again yet, since the new connection's window is smaller, harms nothing [MQTT-4.4.0-1]", async () => {
    const { space, stop } = start();
    const first = connect(space, "c", {}, 60);
    first.subscribe("a", 2);
    for (let i = 0; i < 5; i++) route(space, "a", `${i}`, 2);
    await until("five messages", () => published(first.out.said) === 5);
    first.out.close(0);
    const second = connect(space, "c", { windowMax: 1 }, 60);
    await until("the first again", () => published(second.out.said) === 1);
    second.channel.onPubrec(2, 0);
    second.channel.onPubrec(1, 0);
    await until("both releases", () => second.out.said.filter((text) => text.startsWith("pubrel")).length === 2);
    second.channel.onPubcomp(1);
    second.channel.onPubcomp(2);
    await until("the third", () => published(second.out.said) === 2);
    expect(second.out.closedWith).toBeUndefined();
    await stop();
  });

  test("gets all retained messages of a subscription, also when its connection ends in between [MQTT-3.3.1-9]", async () => {
    const { space, stop } = start();
    for (let i = 0; i < 50; i++) route(space, `r/${i}`, "x", 1, true);
    const first = connect(space, "c", { windowMax: 5 }, 60);
    first.subscribe("r/#", 1);
    await until("SUBACK", () => first.out.said.some((text) => text.startsWith("suback")));
    first.out.close(0);
    const second = connect(space, "c", { windowMax: 1_000 }, 60);
    await until("all of them", () => published(second.out.said) === 50);
    await stop();
  });

  test("gets retained messages that it asked for while its queue was being read", async () => {
    const { space, stop } = start();
    route(space, "r/1", "x", 1, true);
    const first = connect(space, "c", {}, 60);
    first.subscribe("a", 1);
    await until("SUBACK", () => first.out.said.length > 0);
    first.out.close(0);
    route(space, "a", "waits", 1);
    const second = connect(space, "c", {}, 60);
    second.subscribe("r/#", 1);
    await until("both", () => published(second.out.said) === 2);
    await stop();
  });

  test("a QoS 2 message that was refused is refused again when it comes again [3.1.1 MQTT-3.3.5-2]", async () => {
    const { space, stop } = start();
    const first = connect(space, "c", {}, 60);
    first.publish("$SYS/x", "no", 2, 7);
    expect(first.out.said).toEqual([`pubrec 7 ${ReasonCode.NotAuthorized}`]);
    expect(first.session.received?.has(7)).toBe(false);
    await stop();
  });
});

test("an alias in a message that is too large for the client is not an alias it knows [MQTT-3.1.2-24, MQTT-3.3.2-8]", async () => {
  const { space, stop } = start();
  const client = connect(space, "c", { sentAliasMaximum: 10, maximumPacketSize: 100 });
  client.subscribe("topic/of/some/length/a", 0);
  route(space, "topic/of/some/length/a", "x".repeat(200), 0);
  route(space, "topic/of/some/length/a", "small", 0);
  // The recorder's decoder knows no aliases: an empty topic could not be put into words.
  expect(client.out.said.at(-1)).toBe("publish a 0");
  await stop();
});

test("a client that takes no packet as large as its SUBACK is not sent one [MQTT-3.1.2-24]", () => {
  const { space } = start();
  const client = connect(space, "c", { maximumPacketSize: 5 });
  client.subscribe("a", 0);
  expect([client.out.said, client.out.closedWith]).toEqual([[], ReasonCode.PacketTooLarge]);
});

test("SUBACK says in words why a filter is refused, to a client that wants words and takes so many [MQTT-3.9.2-1]", () => {
  const { space } = start();
  const reasonOf = (more: Partial<ChannelStart>, filter: string): string | undefined => {
    const client = connect(space, "c", more);
    client.subscribe(filter, 0);
    return client.out.reasons.at(-1);
  };
  expect(reasonOf({}, "a/#/b")).toMatch(/filter is none/);
  expect(reasonOf({}, "refused")).toMatch(/may not subscribe/);
  expect(reasonOf({}, "a/#")).toBeUndefined();
  expect(reasonOf({ saysProblems: false }, "a/#/b")).toBeUndefined();
  expect(reasonOf({ maximumPacketSize: 20 }, "a/#/b")).toBeUndefined();
});

test.each<readonly [string, string, RegExp, (client: ReturnType<typeof connect>) => void]>([
  ["UNSUBACK", "unsuback 0,17", /no subscription to this filter/, (client) => client.unsubscribe("a", "b")],
  ["PUBREL", "pubrel 7", /packet identifier/, ({ channel }) => channel.onPubrec(7, 0)],
  ["PUBCOMP", "pubcomp 7 146", /packet identifier/, ({ channel }) => channel.onPubrel(7)],
])("%s says in words what is wrong, to a client that wants words and takes so many", (_type, words, reason, act) => {
  const { space } = start();
  const reasonOf = (more: Partial<ChannelStart>): string | undefined => {
    const client = connect(space, "c", more);
    client.subscribe("a", 0);
    act(client);
    expect(client.out.said.at(-1)).toBe(words);
    return client.out.reasons.at(-1);
  };
  expect(reasonOf({})).toMatch(reason);
  expect(reasonOf({ saysProblems: false })).toBeUndefined();
  expect(reasonOf({ maximumPacketSize: 20 })).toBeUndefined();
});

test("UNSUBACK has no words for what was asked for", () => {
  const { space } = start();
  const client = connect(space, "c");
  client.subscribe("a", 0);
  client.unsubscribe("a");
  expect([client.out.said.at(-1), client.out.reasons.at(-1)]).toEqual(["unsuback 0", undefined]);
});

test("what the platform says while the queue of a session is read is not lost to what comes behind it", async () => {
  const { space, stop } = start();
  connect(space, "c", {}, 60).subscribe("a", 1);
  await until("SUBACK", () => space.subscriptions === 1);
  space.find("|c")?.channel?.takeOver();
  route(space, "a", "away", 1);
  const read = Promise.withResolvers<void>();
  const load = space.store.loadQueue.bind(space.store);
  space.store.loadQueue = async (sessionId) => {
    await read.promise;
    return load(sessionId);
  };
  const { out, session } = connect(space, "c", {}, 60);
  session.acceptTransient(createMessage({ topic: "1/2/3/4/said", payload: Buffer.of(1), qos: 1, retain: false, properties: null }, 0), 1);
  route(space, "a", "behind", 1);
  read.resolve();
  await until("what is kept", () => out.said.filter((text) => text === "publish  1").length === 2);
  expect(out.said).toContain("publish said 1");
  await stop();
});

describe("a connection that is lost while retained messages are on their way to a session that is kept", () => {
  async function lose(more: Parameters<typeof createTestSpaces>[0], expiryS: number, end: (client: ReturnType<typeof connect>) => void) {
    const { space, stop } = start(more);
    for (let i = 0; i < 50; i++) route(space, `1/2/3/4/r${i}`, "x", 1, true);
    route(space, "1/2/3/4/r0", "x", 0, true);
    const client = connect(space, "c", { windowMax: 2 }, expiryS);
    client.subscribe("#", 1);
    await until("the first messages", () => published(client.out.said) >= 2);
    end(client);
    return { space, stop };
  }

  test("leaves those of QoS 1 and 2 that are left in its queue, as many as it holds, each once", async () => {
    for (const queuedMessagesMax of [60, 30]) {
      const { space, stop } = await lose({ queuedMessagesMax }, 60, ({ out }) => out.close(0));
      const { out } = connect(space, "c", { windowMax: 100 }, 60);
      const owed = Math.min(49, queuedMessagesMax);
      await until("what was owed", () => published(out.said) >= owed, 5_000);
      await space.store.settled();
      expect(new Set(out.said).size).toBe(out.said.length);
      expect(published(out.said)).toBe(owed);
      await stop();
    }
  });

  test("leaves nothing of a filter that it has unsubscribed from", async () => {
    const { space, stop } = await lose({ queuedMessagesMax: 20 }, 60, (client) => {
      client.unsubscribe("#");
      client.out.close(0);
    });
    // What was in its queue before is half of it, and what was in flight.
    expect(space.find("|c")?.away?.messages).toBeLessThan(15);
    await stop();
  });
});

test("of a shared subscription's members that are all full the one with the least waiting gets the next message", async () => {
  const { space, stop } = start();
  const [one, two] = [connect(space, "one", { windowMax: 1 }), connect(space, "two", { windowMax: 1 })];
  for (const member of [one, two]) member.subscribe("$share/g/a", 1);
  for (let i = 0; i < 42; i++) route(space, "a", `${i}`, 1);
  expect([one.session.queued, two.session.queued]).toEqual([20, 20]);
  await stop();
});

test("what replaces a retained message while it waits for room is sent in its place when it was dropped as a new one [MQTT-3.3.1-9]", () => {
  const { space } = start();
  const topics = ["l/l/l/l/replaced", "l/l/l/l/gone", "l/l/l/l/raised"];
  for (const topic of topics) route(space, topic, "before", 0, true);
  const client = connect(space, "c");
  client.out.isWritable = false;
  client.subscribe("l/#", 1);
  route(space, "l/l/l/l/replaced", "after", 0, true);
  route(space, "l/l/l/l/gone", "", 0, true);
  // Where that of a topic that is gone was, that of another one comes.
  route(space, "other", "of no subscription", 0, true);
  client.out.isWritable = true;
  route(space, "l/l/l/l/raised", "after", 1, true);
  expect(client.out.said.slice(1)).toEqual(["publish raised 1"]);
  client.channel.onRoom();
  expect(client.out.said.slice(1)).toEqual(["publish raised 1", "publish replaced 0"]);
});

test("what replaces a retained message and has gone out as a new one is not sent again", () => {
  const { space } = start();
  route(space, "l/l/l/l/replaced", "before", 0, true);
  const client = connect(space, "c");
  client.out.isWritable = false;
  client.subscribe("l/#", 1);
  client.out.isWritable = true;
  route(space, "l/l/l/l/replaced", "after", 0, true);
  client.channel.onRoom();
  expect(client.out.said.slice(1)).toEqual(["publish replaced 0"]);
});

test("a retained message takes the place of another one only as far as there is room", () => {
  const { space } = start({ retainedBytesMax: 1_000 });
  route(space, "a", "x", 1, true);
  route(space, "a", "x".repeat(5_000), 1, true);
  expect(Buffer.from(space.retained.find("a")?.payload ?? []).length).toBe(1);
  expect(space.counters.retainedRefused).toBe(1);
});

function start(more: Parameters<typeof createTestSpaces>[0] = {}) {
  const { spaces, running } = createTestSpaces(more);
  return { space: spaces.of("00000000-0000-4000-8000-000000000001"), stop: () => running.stop() };
}
