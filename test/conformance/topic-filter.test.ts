import { expect } from "vitest";
import type { Broker } from "./broker.ts";
import { conforms } from "./conforms.ts";

/** A filter that is none is refused, by its code or, before MQTT 5 for sure, by closing the connection. */
async function expectRefused(broker: Broker, filter: string): Promise<void> {
  const client = await broker.connect();
  const answer = await Promise.race([client.subscribe(filter), client.inbox.closed()]).catch((error: Error) => error);
  if (!Array.isArray(answer) && !(answer instanceof Error)) {
    expect(answer.reasonCodes, filter).toEqual([expect.toBeOneOf([0x80, 0x8f])]);
    return;
  }
  await client.inbox.closed();
}

conforms("# stands alone or after a slash, at the end [3.1.1 MQTT-4.7.1-2] [5.0 MQTT-4.7.1-1]", "all", async (broker) => {
  for (const filter of ["a#", "#/a", "a/#/b", "a/b#", "##", "a/##", "+#"]) await expectRefused(broker, filter);
});

conforms("+ takes a whole level [3.1.1 MQTT-4.7.1-3] [5.0 MQTT-4.7.1-2]", "all", async (broker) => {
  for (const filter of ["a+", "+a", "a/+b", "a/b+/c", "++", "a/++"]) await expectRefused(broker, filter);
});

/** Filter, topics it matches, topics it does not; all within the test's own prefix. */
const matches: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["a/#", ["a", "a/b", "a/b/c", "a/"], ["ab", "b", "A"]],
  ["#", ["a", "a/b", "/", "/a"], []],
  ["a/+", ["a/b", "a/"], ["a", "a/b/c", "b/a"]],
  ["+", ["a", ""], ["a/b", "/a"]],
  ["+/+", ["a/b", "/a", "/"], ["a", "a/b/c"]],
  ["/+", ["/a", "/"], ["a", "a/b"]],
  ["+/a/#", ["x/a", "x/a/b", "/a"], ["x", "a"]],
  ["a/+/c", ["a/b/c", "a//c"], ["a/c", "a/b/c/d", "a/b/b/c"]],
  ["a//b", ["a//b"], ["a/b", "a/x/b"]],
  ["a b", ["a b"], ["a  b", "ab"]],
];

conforms(
  "filters match what the specification says they match [3.1.1 MQTT-4.7.1-2] [3.1.1 MQTT-4.7.1-3] [5.0 MQTT-4.7.1-1] [5.0 MQTT-4.7.1-2] [MQTT-3.3.2-3]",
  "all",
  async (broker) => {
    for (const [filter, yes, no] of matches) {
      const client = await broker.connect();
      await client.subscribe(broker.topic(filter));
      for (const topic of [...yes, ...no]) await client.publish(broker.topic(topic), topic, { qos: 1 });
      for (const topic of yes) expect((await client.receive()).text, filter).toBe(topic);
      await client.expectNothing();
      await client.disconnect();
    }
  },
);

conforms("a filter that begins with a wildcard does not match a topic that begins with $ [MQTT-4.7.2-1]", "all", async (broker) => {
  const client = await broker.connect();
  client.inbox.topicsOnly = (topic) => topic.startsWith("$") || broker.isMine(topic);
  await client.subscribe("#", `+/${broker.topic("x")}`, "+/#");
  const other = await broker.connect();
  // A broker may refuse the first; the others are no topics of its own.
  for (const name of ["$SYS", "$conformance", "$"]) other.sendPublish(`${name}/${broker.topic("x")}`, "no", { qos: 0 });
  await other.ping().catch(() => undefined);
  await broker.expectNothing(client, await broker.connect());
});

conforms("topics and filters are compared as they are: case, spaces, slashes at either end [MQTT-4.7.3-4]", "all", async (broker) => {
  const topics = ["a/b", "A/b", "a/B", "a/b/", "a//b", " a/b", "a/b ", "a/ b", "a/./b", "a%2Fb"].map((rest) => broker.topic(rest));
  const client = await broker.connect();
  for (const topic of topics) {
    await client.subscribe(topic);
    for (const other of topics) await client.publish(other, "x", { qos: 1 });
    expect((await client.receive()).topic).toBe(topic);
    await client.unsubscribe(topic);
  }
  await client.expectNothing();
});

conforms("a topic of one character is a topic [MQTT-4.7.3-1]", "all", async (broker) => {
  const client = await broker.connect();
  client.inbox.topicsOnly = (topic) => topic === "/" || broker.isMine(topic);
  await client.subscribe("/");
  await client.publish("/", broker.topic(), { qos: 1 });
  // Other tests of this suite may say something there too.
  for (;;) if ((await client.receive()).text === broker.topic()) return;
});
