import { randomUUID } from "node:crypto";
import { checkSessionFrame, type SessionLimits, type SessionOp, sessionLimitsDefault } from "@mooring/contracts";
import { loadSettings, SettingError } from "@mooring/kit";
import { createMemorySessions } from "@mooring/testkit";
import { expect, test } from "vitest";
import { startHarness } from "./harness.test-support.ts";
import { gatewaySettings } from "./index.ts";
import { assertKeepable } from "./keepable.ts";
import type { GatewayLimits } from "./ports.ts";

const limits = loadSettings(gatewaySettings, {});
const cases: readonly [string, Partial<GatewayLimits>, Partial<SessionLimits>, string][] = [
  ["a client's topic", { topicBytesMax: 1_025 }, {}, "MOORING_MQTT_TOPIC_BYTES_MAX is 1025, .* 1024 \\(MOORING_SESSION_TOPIC_BYTES_MAX\\)"],
  [
    "a device's topic",
    { topicBytesMax: 200, deviceTopicBytesMax: 301 },
    { topicBytesMax: 300 },
    "MOORING_MQTT_DEVICE_TOPIC_BYTES_MAX is 301",
  ],
  ["subscriptions", {}, { subscriptionsMax: 999 }, "MOORING_MQTT_KEPT_SUBSCRIPTIONS_MAX is 1000, .* 999"],
  ["a packet", { packetBytesMax: 1_048_576 }, {}, "MOORING_MQTT_PACKET_BYTES_MAX is 1048576, .* 1047552"],
  [
    "a will",
    { connectBytesMax: 262_144, packetBytesMax: 16_384 },
    { messageBytesMax: 262_143 },
    "MOORING_MQTT_CONNECT_BYTES_MAX is 262144",
  ],
  ["what comes by HTTPS", { packetBytesMax: 16_384 }, { messageBytesMax: 262_145 }, "MOORING_SESSION_MESSAGE_BYTES_MAX is 262145"],
];

test.each(cases)(
  "%s that the sessions service would not keep is refused in one sentence that names the settings",
  (_what, mine, kept, words) => {
    const check = (): void => assertKeepable({ ...limits, ...mine }, { ...sessionLimitsDefault, ...kept });
    expect(check).toThrow(SettingError);
    expect(check).toThrow(new RegExp(words));
  },
);

test("the defaults go together, and the largest message that they let in is kept", () => {
  assertKeepable(limits, sessionLimitsDefault);
  const [tenantId, sessionId] = [randomUUID(), randomUUID()];
  const topic = "t".repeat(limits.topicBytesMax);
  const message = {
    ...{ messageId: randomUUID(), tenantId, topic, payload: Buffer.alloc(limits.packetBytesMax), qos: 1, receivedAtMs: 0 },
    ...{ publisher: "", properties: {} },
  };
  const target = { sessionId, seq: 1, qos: 1, retain: false, subscriptionIds: [], packetId: 0 };
  const op: SessionOp = { op: "queue", message, targets: [target] };
  expect(checkSessionFrame({ sequence: 1, ops: [op] }, sessionLimitsDefault).error).toBeUndefined();
});

test("a gateway does not start on a sessions service that keeps less than its clients may say", async () => {
  const sessions = createMemorySessions({ limits: { ...sessionLimitsDefault, topicBytesMax: 512 } });
  await expect(startHarness({}, {}, undefined, sessions)).rejects.toThrow("MOORING_MQTT_TOPIC_BYTES_MAX is 1024");
});
