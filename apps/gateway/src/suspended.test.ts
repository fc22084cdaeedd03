// A tenant that is suspended: what its devices and back ends hear, live and when they come.
import { asTenantId, PlatformError } from "@mooring/contracts";
import { ProtocolLevel, ReasonCode } from "@mooring/mqtt";
import { expect, test } from "vitest";
import { useGateway } from "./fixture.test-support.ts";
import { deviceNamed, productKey } from "./harness.test-support.ts";
import { ask } from "./http-client.test-support.ts";
import { type MqttClient, openTls } from "./mqtt-client.test-support.ts";

const fixture = useGateway();

function setSuspended(isSuspended: boolean): void {
  const { devices } = fixture.harness;
  devices.isSuspended = isSuspended;
  devices.changes.push({ offset: devices.changes.length + 1, productKey });
}

test("a device's live connections end with 0x98, its will unsaid, and its session is there when it may come back", async () => {
  const credential = await fixture.harness.credential("dev-1");
  const connect = { clientId: "kept", cleanStart: false, properties: { sessionExpiryIntervalS: 600 } };
  const client = await fixture.open(credential).signOn(connect);
  expect(client.connack?.reasonCode).toBe(0);
  setSuspended(true);
  await expect.poll(() => client.isClosed).toBe(true);
  expect(client.disconnect?.reasonCode).toBe(ReasonCode.AdministrativeAction);
  // Refused as often as it comes, and not held off: it can go on at once.
  for (let i = 0; i < 7; i++) {
    const refused = await fixture.open(credential).signOn(connect);
    expect(refused.connack?.reasonCode).toBe(ReasonCode.Banned);
    expect(refused.connack?.properties?.reasonString).toBe("the tenant is suspended");
  }
  const old = await fixture.open(credential, ProtocolLevel.V311).signOn({ clientId: "old" });
  expect(old.connack?.reasonCode).toBe(ReasonCode.NotAuthorized);
  setSuspended(false);
  const back = await fixture.open(credential).signOn(connect);
  expect(back.connack).toMatchObject({ reasonCode: 0, sessionPresent: true });
});

test("over HTTPS: 403 with the reason", async () => {
  const credential = await fixture.harness.credential("dev-1");
  setSuspended(true);
  const path = `/sys/${productKey}/dev-1/thing/event/property/post`;
  const { status, json } = await ask(fixture.harness.gateway.addresses.https, credential, { path, body: "{}" });
  expect(status).toBe(403);
  expect(json).toMatchObject({ code: "permissionDenied", detail: "the tenant is suspended" });
});

test("a back end's connection ends with 0x98, and its key is refused with 0x8A", async () => {
  const { keys } = fixture.harness;
  const { tenantId } = deviceNamed("dev-1");
  keys.set("mk_1", { tenantId: asTenantId(tenantId), principal: "key:1", role: "owner" });
  const { ca } = await fixture.harness.credential("dev-1");
  const open = async (): Promise<MqttClient> => {
    const client = openTls(fixture.harness.gateway.addresses.mqtts, ca);
    fixture.clients.push(client);
    return client.signOn({ password: Buffer.from("mk_1") });
  };
  const client = await open();
  expect(client.connack?.reasonCode).toBe(0);
  fixture.harness.refusesKeys(new PlatformError("permissionDenied", "the tenant is suspended"));
  await expect.poll(() => client.isClosed).toBe(true);
  expect(client.disconnect?.reasonCode).toBe(ReasonCode.AdministrativeAction);
  expect((await open()).connack?.reasonCode).toBe(ReasonCode.Banned);
});
