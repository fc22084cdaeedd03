// TLS sessions that are resumed (MOORING_TLS_SESSION_S): who does so is judged as in a full handshake, on two nodes, over TLS 1.2 and 1.3.
import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Caller } from "@mooring/contracts";
import { findClient, type MadeParty, makeAuthority, makeCaller, makeCertificate, until } from "@mooring/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Heard, knock, type Shown } from "./knock.ts";
import { type CertificatePlatform, openCertificatePlatform } from "./platform.ts";

let platform: CertificatePlatform;
let productKey: string;
const opened: Heard[] = [];
const folder = mkdtempSync(join(tmpdir(), "mooring-sessions-"));

beforeAll(async () => {
  platform = await openCertificatePlatform([], 600);
  ({ productKey } = await platform.devices.createProduct(platform.owner, { name: "Sessions" }));
});
afterEach(() => {
  for (const { socket } of opened.splice(0)) socket.destroy();
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await platform?.stop();
});

interface Credential {
  readonly certPem: string;
  readonly keyPem: string | undefined;
}

async function issue(owner = platform.owner) {
  const address = { productKey, deviceName: `s-${randomUUID().slice(0, 8)}` };
  await platform.devices.createDevice(owner, address);
  const { certificatePem, privateKeyPem, certificate } = await platform.devices.issueKeyPair(owner, address);
  return { address, fingerprint: certificate.fingerprint, credential: { certPem: certificatePem, keyPem: privateKeyPem } };
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("a session of %s that is resumed", (version) => {
  beforeEach(() => {
    platform.refusals.length = 0;
  });

  async function enter(credential: Credential | undefined, more: Partial<Shown> & { readonly node?: number } = {}): Promise<Heard> {
    const { node = 0, ...rest } = more;
    const door = platform.doors[node];
    if (door === undefined) throw new Error("there is no such node");
    const heard = await knock({ ...credential, version, door, serverCa: platform.serverCa, clientId: randomUUID(), ...rest });
    opened.push(heard);
    if (version === "TLSv1.3") await until("a ticket", () => heard.session !== undefined || heard.outcome === "handshake");
    return heard;
  }

  test("shows the certificate of the full handshake, again and again, and on another node there is a full one", async () => {
    const { credential } = await issue();
    const first = await enter(credential);
    expect(first).toMatchObject({ outcome: "accepted", isReused: false });
    const second = await enter(credential, { session: first.session });
    expect(second).toMatchObject({ outcome: "accepted", isReused: true, protocol: version });
    expect(await enter(credential, { session: second.session })).toMatchObject({ outcome: "accepted", isReused: true });
    expect(await enter(credential, { session: second.session, node: 1 })).toMatchObject({ outcome: "accepted", isReused: false });
  });

  test.each([
    ["revoked", "revoked"],
    ["inactive", "inactive"],
    ["of a disabled device", "disabled"],
    // Whose it was is not known any more, nor what it said.
    ["of a deleted device", version === "TLSv1.3" ? "unknown" : "name-hidden"],
  ])("is refused on every node when the certificate is %s meanwhile", async (what, reason) => {
    const { devices, owner } = platform;
    const { address, fingerprint, credential } = await issue();
    const { session } = await enter(credential);
    if (what === "revoked") await devices.revokeCertificate(owner, { ...address, fingerprint });
    if (what === "inactive") await devices.setCertificateStatus(owner, { ...address, fingerprint, status: "inactive" });
    if (what === "of a disabled device") await devices.setDeviceStatus(owner, { ...address, status: "disabled" });
    if (what === "of a deleted device") await devices.deleteDevice(owner, address);
    platform.refusals.length = 0;
    expect(await enter(credential, { session })).toMatchObject({ outcome: "refused", isReused: true });
    // The connection of before may be looked at meanwhile.
    expect(platform.refusals).toContain(reason);
    expect(await enter(credential, { session, node: 1 })).toMatchObject({ outcome: "refused", isReused: false });
  });

  test("of a client without a certificate is one without, also when it has one now", async () => {
    const { credential } = await issue();
    const nobody = await enter(undefined);
    expect(nobody.outcome).toBe("refused");
    expect(await enter(undefined, { session: nobody.session })).toMatchObject({ outcome: "refused", isReused: true });
    expect(await enter(credential, { session: nobody.session })).toMatchObject({ outcome: "refused", isReused: true });
    expect(await enter(credential)).toMatchObject({ outcome: "accepted", isReused: false });
  });

  test("is its certificate's holder's: another certificate beside it is not looked at", async () => {
    const [one, other] = [await issue(), await issue()];
    const { session } = await enter(one.credential);
    await platform.devices.revokeCertificate(platform.owner, { ...one.address, fingerprint: one.fingerprint });
    expect(await enter(other.credential, { session })).toMatchObject({ outcome: "refused", isReused: true });
    expect(new Set(platform.refusals)).toEqual(new Set(["revoked"]));
  });

  test("is none at another listener", async () => {
    const { credential } = await issue();
    const { session } = await enter(credential);
    expect(platform.otherDoors.length).toBe(2);
    for (const door of platform.otherDoors) expect((await enter(credential, { door, session })).isReused).toBe(false);
  });

  describe("under another tenant's name, by openssl, which offers it all the same", () => {
    let authority: MadeParty;
    const tenants: { readonly owner: Caller; readonly productKey: string; readonly serverName: string }[] = [];
    beforeAll(async () => {
      authority = makeAuthority("Module maker");
      for (let i = 0; i < 2; i++) {
        const owner = makeCaller();
        const product = await platform.devices.createProduct(owner, { name: "Modules" });
        const template = { productKey: product.productKey };
        const request = { certificatePem: authority.pem, mode: "provision", template, byServerName: true };
        const { authorityId, nonce = "" } = await platform.devices.registerAuthority(owner, request);
        const { pem } = makeCertificate({ commonNames: [nonce], issuer: authority });
        await platform.devices.proveAuthority(owner, { authorityId, certificatePem: pem });
        tenants.push({ owner, ...template, serverName: `${owner.tenantId}.${platform.tenantHost}` });
      }
    });

    test(version === "TLSv1.3" ? "is that tenant's" : "is refused, since the name cannot be seen", async () => {
      const [one, two] = tenants;
      if (one === undefined || two === undefined) throw new Error("there are two");
      const deviceName = `module-${randomUUID().slice(0, 8)}`;
      const leaf = makeCertificate({ commonNames: [deviceName], issuer: authority });
      const files = { cert: join(folder, "leaf.pem"), key: join(folder, "leaf.key"), session: join(folder, "session.pem") };
      writeFileSync(files.cert, leaf.pem);
      writeFileSync(files.key, leaf.keyPem);
      const say = (serverName: string, session: "-sess_out" | "-sess_in") => askWithOpenssl(version, files, [serverName, session]);
      const isOf = (tenant: typeof one): Promise<boolean> =>
        platform.devices.getDevice(tenant.owner, { productKey: tenant.productKey, deviceName }).then(
          () => true,
          () => false,
        );
      expect(await say(one.serverName, "-sess_out")).toBe(0);
      expect([await isOf(one), await isOf(two)]).toEqual([true, false]);
      const carried = await say(two.serverName, "-sess_in");
      if (version === "TLSv1.3") {
        expect(carried).toBe(0);
        expect([await isOf(one), await isOf(two)]).toEqual([true, true]);
      } else {
        expect(carried).toBe(5);
        expect(platform.refusals).toEqual(["name-hidden"]);
        expect([await isOf(one), await isOf(two)]).toEqual([true, false]);
      }
    });
  });

  /** The return code of the CONNACK. */
  async function askWithOpenssl(
    tls: string,
    files: { readonly cert: string; readonly key: string; readonly session: string },
    [serverName, session]: readonly [string, string],
  ): Promise<number> {
    const openssl = await findClient("openssl");
    const door = platform.doors[0];
    if (openssl === undefined || door === undefined) throw new Error("openssl is needed");
    const where = ["-connect", `${door.host}:${door.port}`, "-servername", serverName, tls === "TLSv1.3" ? "-tls1_3" : "-tls1_2"];
    const identity = ["-cert", files.cert, "-key", files.key, session, files.session];
    const child = spawn(openssl.path, ["s_client", "-quiet", ...where, ...identity], { env: { ...process.env, ...openssl.env } });
    try {
      let heard = Buffer.alloc(0);
      child.stdout.on("data", (bytes: Buffer) => {
        heard = Buffer.concat([heard, bytes]);
      });
      // [MQTT-3.1]: 3.1.1, clean session, no client id.
      child.stdin.write(Buffer.from("100c00044d5154540402003c0000", "hex"));
      await until("a CONNACK", () => heard.length >= 4, 8_000);
      return heard[3] ?? -1;
    } finally {
      child.kill();
    }
  }
});
