// What becomes of connections and of later ones when a right is taken away: on two gateway nodes, TLS 1.2 and 1.3.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type Caller, type Device, type DeviceApi, type DeviceRef, deviceCaller, type RevocationListOptions } from "@mooring/contracts";
import { type MadeParty, makeAuthority, makeCertificate, makeRevocationList, makeSigningRequest } from "@mooring/testkit";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Heard, knock } from "./knock.ts";
import { type CertificatePlatform, openCertificatePlatform } from "./platform.ts";

type Version = "TLSv1.2" | "TLSv1.3";
/** A right taken away is gone within 2 s on every node. */
const goneMs = 2_000;
/** How late the sweeper may notice that a list has come to its end, on a machine with other work. */
const sweepMs = 3_000;

let platform: CertificatePlatform;
let productKey: string;
let api: DeviceApi;
let owner: Caller;
const opened: Heard[] = [];

/** What a factory's place on the web gives out. */
let list: string | undefined;
let listUrl: string;
const lists = createServer((_request, response) => {
  response.writeHead(list === undefined ? 404 : 200).end(list);
});

beforeAll(async () => {
  lists.listen(0, "127.0.0.1");
  await once(lists, "listening");
  const { port } = lists.address() as AddressInfo;
  listUrl = `http://127.0.0.1:${port}/crl`;
  platform = await openCertificatePlatform([port]);
  ({ devices: api, owner } = platform);
  ({ productKey } = await api.createProduct(owner, { name: "Life" }));
});
afterAll(async () => {
  for (const { socket } of opened) socket.destroy();
  lists.close();
  await platform?.stop();
});
beforeEach(() => {
  list = undefined;
});

interface Credential {
  readonly certPem: string;
  readonly keyPem: string;
}

interface Issued extends Credential {
  readonly address: { readonly productKey: string; readonly deviceName: string };
  readonly fingerprint: string;
  readonly device: Device;
}

async function issue(): Promise<Issued> {
  const address = { productKey, deviceName: `life-${randomUUID().slice(0, 8)}` };
  const device = await api.createDevice(owner, address);
  const { chainPem, privateKeyPem = "", certificate } = await api.issueKeyPair(owner, address);
  return { address, device, fingerprint: certificate.fingerprint, certPem: chainPem, keyPem: privateKeyPem };
}

async function enter(
  credential: Credential | undefined,
  version: Version,
  { node = 0, session }: { node?: number; session?: Buffer } = {},
) {
  const door = platform.doors[node];
  if (door === undefined) throw new Error("there is no such node");
  platform.refusals.length = 0;
  const { certPem, keyPem } = credential ?? {};
  const heard = await knock({ certPem, keyPem, version, door, serverCa: platform.serverCa, session, clientId: randomUUID() });
  opened.push(heard);
  return heard;
}

/** Every connection there is ends in time, and no other is let in, on either node; for this reason. */
async function expectGone(
  credential: Credential,
  version: Version,
  live: readonly Heard[],
  takenAtMs: number,
  reason: string,
): Promise<void> {
  await Promise.all(live.map(({ socket }) => (socket.closed ? undefined : once(socket, "close"))));
  expect(performance.now() - takenAtMs).toBeLessThan(goneMs);
  for (const node of [0, 1]) {
    expect((await enter(credential, version, { node })).outcome).toBe("refused");
    expect(new Set(platform.refusals)).toEqual(new Set([reason]));
  }
}

interface Loss {
  readonly name: string;
  readonly reason: string;
  take(issued: Issued): Promise<unknown>;
}

const losses: readonly Loss[] = [
  {
    name: "revoked",
    reason: "revoked",
    take: ({ address, fingerprint }) => api.revokeCertificate(owner, { ...address, fingerprint, reason: "keyCompromise" }),
  },
  {
    name: "made inactive",
    reason: "inactive",
    take: ({ address, fingerprint }) => api.setCertificateStatus(owner, { ...address, fingerprint, status: "inactive" }),
  },
  {
    name: "of a disabled device",
    reason: "disabled",
    take: ({ address }) => api.setDeviceStatus(owner, { ...address, status: "disabled" }),
  },
  { name: "of a deleted device", reason: "unknown", take: ({ address }) => api.deleteDevice(owner, address) },
  { name: "superseded", reason: "superseded", take: supersede },
  { name: "of an issuing authority that is revoked", reason: "authority-revoked", take: revokeIssuer },
];

/** Of the one that has issued the certificate, which is the one that issues now. */
async function revokeIssuer(): Promise<void> {
  const { authorities } = await api.listAuthorities(owner, {});
  const issuer = authorities.find(({ kind, status }) => kind === "own" && status === "active");
  await api.rotateAuthority(owner, {});
  await api.revokeAuthority(owner, { authorityId: issuer?.authorityId ?? "", reason: "cACompromise" });
}

/** Renews, and lets the overlap pass: the sweeper is asked about the moment at which it ends. */
async function supersede({ device, fingerprint }: Issued): Promise<void> {
  const ref = { ...device } as unknown as DeviceRef;
  const { csrPem } = makeSigningRequest();
  const { activateBeforeMs } = await api.renewCertificate(deviceCaller(ref), { csrPem, fingerprint });
  await platform.stores.certificates.supersedeDue(activateBeforeMs, 100);
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("a right taken away, %s", (version) => {
  test.each(losses)("a certificate $name ends its connections on every node within 2 s, and opens none", async ({ reason, take }) => {
    const issued = await issue();
    const live = [await enter(issued, version), await enter(issued, version, { node: 1 })];
    expect(live.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted"]);
    const takenAtMs = performance.now();
    await take(issued);
    await expectGone(issued, version, live, takenAtMs, reason);
  });

  test.each([
    [
      "its authority is made inactive",
      "authority-inactive",
      async (authorityId: string) => api.updateAuthority(owner, { authorityId, status: "inactive" }),
    ],
    [
      "its authority's list names it",
      "revoked",
      async (authorityId: string, authority: MadeParty, serial: string) =>
        api.putRevocationList(owner, { authorityId, listPem: makeRevocationList(authority, { serials: [serial] }) }),
    ],
  ] as const)("a certificate of a registered authority ends within 2 s when %s", async (_, reason, take) => {
    const { authority, authorityId } = await registerFactory();
    const serial = "51ab";
    const leaf = makeCertificate({ commonNames: [`life-${randomUUID().slice(0, 8)}`], issuer: authority, serial });
    const credential = { certPem: leaf.pem, keyPem: leaf.keyPem };
    const live = [await enter(credential, version), await enter(credential, version, { node: 1 })];
    expect(live.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted"]);
    const takenAtMs = performance.now();
    await take(authorityId, authority, serial);
    await expectGone(credential, version, live, takenAtMs, reason);
  });

  test("a certificate that is on the list which its authority gives out next ends within 2 s of the platform's fetching it", async () => {
    const { authority, authorityId } = await registerFactory({ crlUrl: listUrl, crlMode: "required" });
    const serial = "51ac";
    const leaf = makeCertificate({ commonNames: [`life-${randomUUID().slice(0, 8)}`], issuer: authority, serial });
    const credential = { certPem: leaf.pem, keyPem: leaf.keyPem };
    expect(await enter(credential, version)).toMatchObject({ outcome: "refused" });
    expect(platform.refusals).toEqual(["revocation-list-missing"]);
    list = makeRevocationList(authority, { serials: [], number: 1 });
    await expect.poll(async () => (await enter(credential, version)).outcome, { timeout: 20_000 }).toBe("accepted");
    const live = [await enter(credential, version), await enter(credential, version, { node: 1 })];
    expect(live.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted"]);
    list = makeRevocationList(authority, { serials: [serial], number: 2 });
    await expect.poll(() => numberOf(authorityId), { timeout: 20_000, interval: 5 }).toBe("2");
    await expectGone(credential, version, live, performance.now(), "revoked");
  });

  test("connections of an authority that needs a list end within 2 s of the list's end, and no other authority's", async () => {
    const [late, current] = [await registerFactory({ crlMode: "required" }), await registerFactory({ crlMode: "required" })];
    const enterWith = async ({ authority, authorityId }: typeof late, nextUpdateMs: number) => {
      const listPem = makeRevocationList(authority, { serials: [], nextUpdateMs });
      await api.putRevocationList(owner, { authorityId, listPem });
      const leaf = makeCertificate({ commonNames: [`life-${randomUUID().slice(0, 8)}`], issuer: authority });
      const credential = { certPem: leaf.pem, keyPem: leaf.keyPem };
      const live = await enter(credential, version);
      expect(live.outcome).toBe("accepted");
      return { credential, live };
    };
    const kept = await enterWith(current, Date.now() + 3_600_000);
    // Whole seconds: that is what a list's end is written in.
    const endMs = Math.ceil(Date.now() / 1_000) * 1_000 + 4_000;
    const gone = await enterWith(late, endMs);
    await once(gone.live.socket, "close");
    expect(Date.now()).toBeGreaterThanOrEqual(endMs);
    expect(Date.now() - endMs).toBeLessThan(goneMs + sweepMs);
    expect((await enter(gone.credential, version)).outcome).toBe("refused");
    expect(platform.refusals).toEqual(["revocation-list-outdated"]);
    expect(kept.live.socket.closed).toBe(false);
  });

  test("a session of before the revocation is not resumed, on the same node or another", async () => {
    const issued = await issue();
    const { session, outcome } = await enter(issued, version);
    expect(outcome).toBe("accepted");
    await api.revokeCertificate(owner, { ...issued.address, fingerprint: issued.fingerprint });
    for (const node of [0, 1]) {
      const again = await enter(issued, version, { node, ...(session && { session }) });
      expect({ outcome: again.outcome, isReused: again.isReused }).toEqual({ outcome: "refused", isReused: false });
      // The connections of before may be looked at meanwhile.
      expect(new Set(platform.refusals)).toEqual(new Set(["revoked"]));
    }
  });

  test("no certificate is refused, and so is who then offers the session of that", async () => {
    const first = await enter(undefined, version);
    expect(first.outcome).toBe("refused");
    const again = await enter(undefined, version, first.session === undefined ? {} : { session: first.session });
    expect({ outcome: again.outcome, isReused: again.isReused }).toEqual({ outcome: "refused", isReused: false });
  });

  test("a signature rewritten by the holder (r, n - s) is another certificate, and unknown", async () => {
    const issued = await issue();
    const twin = { ...issued, certPem: rewriteSignature(issued.certPem) };
    expect((await enter(issued, version)).outcome).toBe("accepted");
    expect((await enter(twin, version)).outcome).toBe("refused");
    expect(platform.refusals).toEqual(["unknown"]);
  });

  test("a second certificate with the serial number of another is refused: what is revoked by number is one", async () => {
    const { authority } = await registerFactory();
    const one = makeCertificate({ commonNames: [`${version}-one`], issuer: authority, serial: "4242" });
    const two = makeCertificate({ commonNames: [`${version}-two`], issuer: authority, serial: "4242" });
    expect((await enter({ certPem: one.pem, keyPem: one.keyPem }, version)).outcome).toBe("accepted");
    expect((await enter({ certPem: two.pem, keyPem: two.keyPem }, version)).outcome).toBe("refused");
  });
});

async function numberOf(authorityId: string): Promise<string | undefined> {
  const { authorities } = await api.listAuthorities(owner, {});
  return authorities.find((one) => one.authorityId === authorityId)?.revocationList?.number;
}

async function registerFactory(more: RevocationListOptions = {}): Promise<{ readonly authority: MadeParty; readonly authorityId: string }> {
  const authority = makeAuthority("Life CA");
  const request = { certificatePem: authority.pem, mode: "provision", template: { productKey }, ...more };
  const { authorityId, nonce = "" } = await api.registerAuthority(owner, request);
  await api.proveAuthority(owner, { authorityId, certificatePem: makeCertificate({ commonNames: [nonce], issuer: authority }).pem });
  return { authority, authorityId };
}

/** The order of P-256 (SEC 2 §2.4.2). */
const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** Of the first certificate in the chain: an ECDSA signature stays good when s becomes n - s, and no authority is asked. */
function rewriteSignature(chainPem: string): string {
  const [leaf = "", rest = ""] = chainPem.split(/(?<=-----END CERTIFICATE-----\n)/);
  const der = Buffer.from(leaf.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
  // SEQUENCE { tbs, algorithm, BIT STRING { 00, SEQUENCE { r, s } } }: the last INTEGER is s, the one before it r.
  const tbsLength = 4 + der.readUInt16BE(6);
  const algorithmLength = 12;
  const bits = der.subarray(4 + tbsLength + algorithmLength);
  const sequence = bits.subarray(3);
  const rLength = sequence[3] ?? 0;
  const r = sequence.subarray(2, 4 + rLength);
  const s = BigInt(`0x${sequence.subarray(6 + rLength).toString("hex")}`);
  const flipped = Buffer.from((order - s).toString(16).padStart(64, "0"), "hex");
  const octets = (flipped[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.of(0), flipped]) : flipped;
  const minimal = octets[0] === 0 && (octets[1] ?? 0) < 0x80 ? octets.subarray(1) : octets;
  const body = Buffer.concat([r, Buffer.of(2, minimal.length), minimal]);
  const signature = Buffer.concat([Buffer.of(3, body.length + 3, 0, 0x30, body.length), body]);
  const whole = Buffer.concat([der.subarray(4, 4 + tbsLength + algorithmLength), signature]);
  const twin = Buffer.concat([Buffer.of(0x30, 0x82, whole.length >> 8, whole.length & 0xff), whole]);
  const lines = twin.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n${rest}`;
}
