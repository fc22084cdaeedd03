// Batches and histories over real sockets.
import { expect, test } from "vitest";
import { report, sys, useGateway } from "./fixture.test-support.ts";

const fixture = useGateway();

test("a batch is acknowledged once its records are stored, and is answered", async () => {
  const client = await fixture.signOn();
  const topic = `${sys("dev-1")}/thing/event/property/batch/post`;
  await client.subscribe(`${topic}_reply`);
  const params = {
    properties: {
      Temperature: [
        { value: 1, time: 10 },
        { value: 2, time: 20 },
      ],
    },
  };
  expect(await client.acknowledged(client.publish(topic, report(params)))).toBe(0);
  expect(fixture.stored("properties")).toEqual([
    { properties: { Temperature: { value: 1, time: 10 } } },
    { properties: { Temperature: { value: 2, time: 20 } } },
  ]);
  await expect.poll(() => client.messages.length).toBe(1);
  expect(JSON.parse(client.messages[0]?.payload ?? "")).toMatchObject({ code: 200, method: "thing.event.property.batch.post" });
});

test("a history with a value outside the model is refused with the place, and nothing of it is stored", async () => {
  const client = await fixture.signOn();
  const topic = `${sys("dev-1")}/thing/event/property/history/post`;
  await client.subscribe(`${topic}_reply`);
  const params = [{ properties: [{ Temperature: { value: 1, time: 10 } }, { Temperature: { value: "hot", time: 20 } }] }];
  await client.acknowledged(client.publish(topic, report(params)));
  await expect.poll(() => client.messages.length).toBe(1);
  expect(JSON.parse(client.messages[0]?.payload ?? "")).toMatchObject({
    code: 460,
    method: "thing.event.property.history.post",
    data: { issues: [{ pointer: "/params/0/properties/1/Temperature/value" }] },
  });
  expect(fixture.stored("properties")).toEqual([]);
  expect(
    await client.acknowledged(client.publish(topic, report(params.map(({ properties }) => ({ properties: properties.slice(0, 1) }))))),
  ).toBe(0);
  expect(fixture.stored("properties")).toEqual([{ properties: { Temperature: { value: 1, time: 10 } }, past: true }]);
});
