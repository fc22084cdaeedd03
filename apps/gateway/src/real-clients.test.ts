import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findClient, run } from "@mooring/testkit";
import { describe, expect, onTestFinished, test } from "vitest";
import { post, report, sys, useGateway } from "./fixture.test-support.ts";
import { productKey } from "./harness.test-support.ts";

const fixture = useGateway();
const [publisher, subscriber, curl] = [await findClient("mosquitto_pub"), await findClient("mosquitto_sub"), await findClient("curl")];

/** The device's files, as its owner has them. */
async function files(): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> {
  const credential = await fixture.harness.credential("dev-1");
  const dir = await mkdtemp(join(tmpdir(), "mooring-gateway-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const paths = { ca: join(dir, "ca.pem"), cert: join(dir, "device.pem"), key: join(dir, "device.key") };
  await writeFile(paths.ca, credential.ca);
  await writeFile(paths.cert, credential.certificatePem);
  await writeFile(paths.key, credential.keyPem);
  return paths;
}

const body = JSON.stringify(report({ Temperature: 21 }));

describe("clients nobody here wrote", () => {
  for (const version of ["mqttv31", "mqttv311", "mqttv5"]) {
    test.skipIf(publisher === undefined)(`mosquitto_pub, ${version}: the report is stored when it returns`, async () => {
      if (publisher === undefined) return;
      const { ca, cert, key } = await files();
      const port = fixture.harness.gateway.addresses.mqtts?.split(":")[1] ?? "";
      const tls = ["--cafile", ca, "--cert", cert, "--key", key];
      const { code, stderr } = await run(publisher, [
        "-V",
        version,
        "-h",
        "127.0.0.1",
        "-p",
        port,
        ...tls,
        "-i",
        "m",
        "-q",
        "1",
        "-t",
        post("dev-1"),
        "-m",
        body,
      ]);
      expect([code, stderr]).toEqual([0, ""]);
      expect(fixture.stored("properties")).toMatchObject([{ properties: { Temperature: { value: 21 } } }]);
    });
  }

  test.skipIf(subscriber === undefined)("mosquitto_sub hears a call", async () => {
    if (subscriber === undefined) return;
    const { ca, cert, key } = await files();
    const port = fixture.harness.gateway.addresses.mqtts?.split(":")[1] ?? "";
    const listening = run(subscriber, [
      "-V",
      "mqttv5",
      "-h",
      "127.0.0.1",
      "-p",
      port,
      "--cafile",
      ca,
      "--cert",
      cert,
      "--key",
      key,
      "-q",
      "1",
      "-C",
      "1",
      "-v",
      "-t",
      `${sys("dev-1")}/rrpc/request/+`,
    ]);
    const { device } = await fixture.harness.credential("dev-1");
    await expect.poll(() => fixture.deliver(device.deviceId, "42")).toBe(1);
    expect((await listening).stdout).toBe(`${sys("dev-1")}/rrpc/request/42 {}\n`);
  });

  test.skipIf(publisher === undefined || subscriber === undefined)(
    "mosquitto_sub hears what mosquitto_pub changes, in three dialects",
    async () => {
      if (publisher === undefined || subscriber === undefined) return;
      const { ca, cert, key } = await files();
      const port = fixture.harness.gateway.addresses.mqtts?.split(":")[1] ?? "";
      const connection = ["-h", "127.0.0.1", "-p", port, "--cafile", ca, "--cert", cert, "--key", key, "-q", "1"];
      const aws = `$aws/things/${productKey}.dev-1/shadow`;
      const alibaba = `/shadow/get/${productKey}/dev-1`;
      const filters = [`${sys("dev-1")}/shadow/update/accepted`, `${aws}/update/accepted`, `${aws}/update/delta`, alibaba].flatMap(
        (filter) => ["-t", filter],
      );
      const listening = run(subscriber, ["-V", "mqttv311", ...connection, "-C", "4", "-F", "%t %p", ...filters]);
      // It is ready once it has subscribed to a delta.
      await expect.poll(() => fixture.harness.shadow.ready.length).toBe(1);
      const payload = JSON.stringify({ state: { desired: { on: [true] } }, clientToken: "t" });
      const said = await run(publisher, ["-V", "mqttv5", ...connection, "-t", `${aws}/update`, "-m", payload]);
      expect([said.code, said.stderr]).toEqual([0, ""]);
      const lines = (await listening).stdout.trim().split("\n");
      const heard = lines.map((line) => [line.slice(0, line.indexOf(" ")), JSON.parse(line.slice(line.indexOf(" ") + 1))]);
      const [ms, s] = [{ timestamp: 1_760_000_000_123 }, { timestamp: 1_760_000_000 }];
      expect(heard).toEqual([
        [
          `${sys("dev-1")}/shadow/update/accepted`,
          { state: { desired: { on: [true] } }, metadata: { desired: { on: ms } }, version: 1, ...ms, clientToken: "t" },
        ],
        [
          `${aws}/update/accepted`,
          { state: { desired: { on: [true] } }, metadata: { desired: { on: [s] } }, version: 1, ...s, clientToken: "t" },
        ],
        [
          alibaba,
          {
            method: "control",
            payload: { status: "success", state: { desired: { on: [true] } }, metadata: { desired: { on: s } } },
            version: 1,
            ...s,
          },
        ],
        [`${aws}/update/delta`, { state: { on: [true] }, metadata: { on: [s] }, version: 1, ...s, clientToken: "t" }],
      ]);
    },
  );

  test.skipIf(curl === undefined)("curl reports a property", async () => {
    if (curl === undefined) return;
    const { ca, cert, key } = await files();
    const url = `https://${fixture.harness.gateway.addresses.https}${post("dev-1")}`;
    const { code, stdout, stderr } = await run(curl, ["-sS", "--cacert", ca, "--cert", cert, "--key", key, "-d", body, url]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(JSON.parse(stdout)).toMatchObject({ id: "7", code: 200 });
  });
});
