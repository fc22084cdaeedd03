// One authority of two tenants, at the real listener: which tenant a device is of is what it says in the handshake.
import { randomUUID } from "node:crypto";
import type { Caller } from "@mooring/contracts";
import { errorOf, type MadeParty, makeAuthority, makeCaller, makeCertificate } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Heard, knock } from "./knock.ts";
import { type CertificatePlatform, openCertificatePlatform } from "./platform.ts";

interface Tenant {
  readonly owner: Caller;
  readonly productKey: string;
  readonly serverName: string;
}

let platform: CertificatePlatform;
let authority: MadeParty;
let one: Tenant;
let two: Tenant;
const opened: Heard[] = [];

beforeAll(async () => {
  platform = await openCertificatePlatform();
  authority = makeAuthority("Module maker");
  [one, two] = [await makeTenant(), await makeTenant()];
});
afterAll(async () => {
  for (const { socket } of opened) socket.destroy();
  await platform?.stop();
});

/** A tenant that has registered the authority for devices that say its name. */
async function makeTenant(): Promise<Tenant> {
  const { devices, tenantHost } = platform;
  const owner = makeCaller();
  const { productKey } = await devices.createProduct(owner, { name: "Modules" });
  const request = { certificatePem: authority.pem, mode: "provision", template: { productKey }, byServerName: true };
  const { authorityId, nonce = "" } = await devices.registerAuthority(owner, request);
  await devices.proveAuthority(owner, { authorityId, certificatePem: makeCertificate({ commonNames: [nonce], issuer: authority }).pem });
  return { owner, productKey, serverName: `${owner.tenantId}.${tenantHost}` };
}

const makeLeaf = (): { readonly leaf: MadeParty; readonly deviceName: string } => {
  const deviceName = `module-${randomUUID().slice(0, 8)}`;
  return { leaf: makeCertificate({ commonNames: [deviceName], issuer: authority }), deviceName };
};

describe.each(["TLSv1.2", "TLSv1.3"] as const)("an authority of two tenants, %s", (version) => {
  async function enter(
    leaf: MadeParty,
    more: { readonly serverName?: string; readonly session?: Buffer | undefined; readonly node?: number },
  ) {
    const door = platform.doors[more.node ?? 0];
    if (door === undefined) throw new Error("there is no such node");
    platform.refusals.length = 0;
    const shown = { certPem: leaf.pem, keyPem: leaf.keyPem, version, door, serverCa: platform.serverCa, clientId: randomUUID() };
    const heard = await knock({ ...shown, ...more });
    opened.push(heard);
    return { ...heard, reason: platform.refusals.at(-1) };
  }
  const has = async ({ owner, productKey }: Tenant, deviceName: string): Promise<boolean> =>
    platform.devices.getDevice(owner, { productKey, deviceName }).then(
      () => true,
      () => false,
    );

  test("the name that a device says decides whose it is; without one it is nobody's", async () => {
    const { leaf, deviceName } = makeLeaf();
    expect(await enter(leaf, {})).toMatchObject({ outcome: "refused", reason: "tenant-not-named" });
    expect(await enter(leaf, { serverName: platform.tenantHost })).toMatchObject({ outcome: "refused", reason: "tenant-not-named" });
    expect([await has(one, deviceName), await has(two, deviceName)]).toEqual([false, false]);
    expect(await enter(leaf, { serverName: two.serverName })).toMatchObject({ outcome: "accepted" });
    expect([await has(one, deviceName), await has(two, deviceName)]).toEqual([false, true]);
    expect(await enter(leaf, { serverName: one.serverName })).toMatchObject({ outcome: "accepted" });
    expect([await has(one, deviceName), await has(two, deviceName)]).toEqual([true, true]);
  });

  test("a tenant that has not registered it gets none of its devices, and loses none of its own", async () => {
    const { leaf, deviceName } = makeLeaf();
    const third = `${randomUUID()}.${platform.tenantHost}`;
    expect(await enter(leaf, { serverName: third })).toMatchObject({ outcome: "refused", reason: "unknown" });
    expect(await enter(leaf, { serverName: one.serverName })).toMatchObject({ outcome: "accepted" });
    expect(await enter(leaf, { serverName: third })).toMatchObject({ outcome: "refused", reason: "another-tenant" });
    const stolen = platform.devices.getDevice(two.owner, { productKey: one.productKey, deviceName });
    expect(await errorOf(stolen)).toMatchObject({ code: "notFound" });
  });

  test("a session of one tenant's name is not resumed under another's, on the same node or another", async () => {
    const { leaf, deviceName } = makeLeaf();
    const { session, outcome } = await enter(leaf, { serverName: one.serverName });
    expect(outcome).toBe("accepted");
    await platform.devices.deleteDevice(one.owner, { productKey: one.productKey, deviceName });
    for (const node of [0, 1]) {
      // Carried along, it would still be the device of the first tenant, or be let in without being looked at.
      const back = await enter(leaf, { serverName: one.serverName, session, node });
      expect(back).toMatchObject({ outcome: "refused", isReused: false, reason: "revoked" });
      const carried = await enter(leaf, { serverName: two.serverName, session, node });
      expect(carried).toMatchObject({ outcome: "accepted", isReused: false });
    }
    expect([await has(one, deviceName), await has(two, deviceName)]).toEqual([false, true]);
  });
});
