import { expect, test } from "vitest";
import { toBackendMessage } from "./backend-message.ts";
import { asDeviceId, asDeviceName, asProductKey, asTenantId } from "./ids.ts";
import type { LogRecord, RecordKind } from "./records.ts";

const device = {
  tenantId: asTenantId("7f000000-0000-4000-8000-000000000001"),
  deviceId: asDeviceId("8f000000-0000-4000-8000-000000000002"),
  productKey: asProductKey("a1b2c3d4e5f"),
  deviceName: asDeviceName("meter-1"),
};
const receivedAtMs = Date.UTC(2018, 7, 31, 15, 32, 28, 205);
const identity = '"iotId":"8f000000-0000-4000-8000-000000000002","productKey":"a1b2c3d4e5f","deviceName":"meter-1"';

function record(kind: RecordKind, body: unknown): LogRecord {
  return { offset: 7, messageId: "9f000000-0000-7000-8000-000000000003", device, kind, receivedAtMs, body: JSON.stringify(body) };
}

const connection = { clientId: "c", epoch: 3, sequence: 0, protocol: "mqtt", nodeId: "n1" };

/** Kind, body, topic, payload: the examples of Wire formats §2.12, member by member. */
const cases: readonly [title: string, RecordKind, unknown, string, string][] = [
  [
    "a device that came, with both forms of the time",
    "online",
    { ...connection, address: "192.0.2.7:51234" },
    "/as/mqtt/status/a1b2c3d4e5f/meter-1",
    `{"status":"online",${identity},"time":"2018-08-31 15:32:28.205","utcTime":"2018-08-31T15:32:28.205Z","lastTime":"2018-08-31 15:32:28.205","utcLastTime":"2018-08-31T15:32:28.205Z","clientIp":"192.0.2.7","seq":0,"epoch":3}`,
  ],
  [
    "a device whose connection was taken over, with Alibaba's number for it",
    "offline",
    { ...connection, sequence: 1, address: "[2001:db8::1]:51234", reason: "takenOver" },
    "/as/mqtt/status/a1b2c3d4e5f/meter-1",
    `{"status":"offline",${identity},"time":"2018-08-31 15:32:28.205","utcTime":"2018-08-31T15:32:28.205Z","lastTime":"2018-08-31 15:32:28.205","utcLastTime":"2018-08-31T15:32:28.205Z","clientIp":"2001:db8::1","offlineReasonCode":427,"offlineReason":"takenOver","seq":1,"epoch":3}`,
  ],
  [
    "a device that went for a reason without a number, as a word, and from an unknown address",
    "offline",
    { ...connection, sequence: 1, reason: "lost" },
    "/as/mqtt/status/a1b2c3d4e5f/meter-1",
    `{"status":"offline",${identity},"time":"2018-08-31 15:32:28.205","utcTime":"2018-08-31T15:32:28.205Z","lastTime":"2018-08-31 15:32:28.205","utcLastTime":"2018-08-31T15:32:28.205Z","offlineReason":"lost","seq":1,"epoch":3}`,
  ],
  [
    "a property report",
    "properties",
    { properties: { Power: { value: "on", time: 1510799670074 }, WF: { value: 23.6, time: 1510799670075 } } },
    "/a1b2c3d4e5f/meter-1/thing/event/property/post",
    `{${identity},"gmtCreate":1535729548205,"deviceType":"CustomCategory","requestId":"9f000000-0000-7000-8000-000000000003","checkFailedData":{},"items":{"Power":{"value":"on","time":1510799670074},"WF":{"value":23.6,"time":1510799670075}}}`,
  ],
  [
    "a property report with values the model does not allow",
    "properties",
    {
      properties: { "a/b": { value: 1, time: 2 } },
      invalid: [
        { pointer: "/a~1b/deep", message: "is no string" },
        { pointer: "/gone", message: "is unknown" },
      ],
    },
    "/a1b2c3d4e5f/meter-1/thing/event/property/post",
    `{${identity},"gmtCreate":1535729548205,"deviceType":"CustomCategory","requestId":"9f000000-0000-7000-8000-000000000003","checkFailedData":{"a/b":{"value":1,"time":2,"message":"is no string"},"gone":{"message":"is unknown"}},"items":{"a/b":{"value":1,"time":2}}}`,
  ],
  [
    "an event",
    "event",
    { name: "BrokenInfo", value: { structKey: [1] }, time: 1510799670074 },
    "/a1b2c3d4e5f/meter-1/thing/event/BrokenInfo/post",
    `{"identifier":"BrokenInfo","name":"BrokenInfo","type":"info",${identity},"gmtCreate":1535729548205,"value":{"structKey":[1]},"time":1510799670074}`,
  ],
  [
    "an event whose data the model did not allow, member by member and as a whole",
    "event",
    {
      name: "Broken",
      value: { code: "x", level: 1 },
      time: 7,
      invalid: [
        { pointer: "/code/0", message: "is no number" },
        { pointer: "", message: "lacks a member" },
      ],
    },
    "/a1b2c3d4e5f/meter-1/thing/event/Broken/post",
    `{"identifier":"Broken","name":"Broken","type":"info",${identity},"gmtCreate":1535729548205,"value":{"code":"x","level":1},"time":7,"checkFailedData":{"Broken":{"value":{"code":"x","level":1},"message":"lacks a member"},"code":{"value":"x","message":"is no number"}}}`,
  ],
  ...(
    [
      ["created", "create"],
      ["enabled", "enable"],
      ["disabled", "disable"],
      ["deleted", "delete"],
    ] as const
  ).map(([action, word]): [string, RecordKind, unknown, string, string] => [
    `a device that was ${action}`,
    "lifecycle",
    { action, principal: "key:1", epoch: 12, sequence: 4 },
    "/a1b2c3d4e5f/meter-1/thing/lifecycle",
    `{"action":"${word}",${identity},"deviceSecret":"","messageCreateTime":1535729548205,"seq":4,"epoch":12}`,
  ]),
  [
    "a device that was created before such records had a place",
    "lifecycle",
    { action: "created", principal: "key:1" },
    "/a1b2c3d4e5f/meter-1/thing/lifecycle",
    `{"action":"create",${identity},"deviceSecret":"","messageCreateTime":1535729548205}`,
  ],
  [
    "the answer to a property set with the topic of the request, its decimal id as a number",
    "reply",
    { topic: "/sys/a1b2c3d4e5f/meter-1/thing/service/property/set_reply", requestId: "1234", code: 200, message: "success", data: {} },
    "/a1b2c3d4e5f/meter-1/thing/downlink/reply/message",
    `{"gmtCreate":1535729548205,${identity},"requestId":1234,"code":200,"message":"success","topic":"/sys/a1b2c3d4e5f/meter-1/thing/service/property/set","data":{}}`,
  ],
  [
    "the answer to a property set, an id that is no number as it is",
    "reply",
    { topic: "/t", requestId: "12345678901234567890", code: 460 },
    "/a1b2c3d4e5f/meter-1/thing/downlink/reply/message",
    `{"gmtCreate":1535729548205,${identity},"requestId":"12345678901234567890","code":460,"message":"","topic":"/t","data":{}}`,
  ],
];

test.each(cases)("%s [Wire formats 2.12]", (_, kind, body, topic, payload) => {
  const message = toBackendMessage(record(kind, body));
  expect(message.topic).toBe(topic);
  expect(new TextDecoder().decode(message.payload)).toBe(payload);
});

test("a message on a custom topic keeps its topic and every byte", () => {
  const bytes = Uint8Array.from({ length: 256 }, (_, at) => at);
  const body = { topic: "/a1b2c3d4e5f/meter-1/user/update", payloadBase64: Buffer.from(bytes).toString("base64") };
  const message = toBackendMessage(record("message", body));
  expect(message.topic).toBe("/a1b2c3d4e5f/meter-1/user/update");
  expect([...message.payload]).toEqual([...bytes]);
});

test("a property called __proto__ is an item like any other", () => {
  const report = { ...record("properties", {}), body: '{"properties":{"__proto__":{"value":1,"time":2}}}' };
  expect(new TextDecoder().decode(toBackendMessage(report).payload)).toContain('"items":{"__proto__":{"value":1,"time":2}}');
});
