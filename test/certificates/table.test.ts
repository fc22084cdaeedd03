import { randomUUID, X509Certificate } from "node:crypto";
import { readRevocationList } from "@mooring/pki";
import { extensions, type MadeParty, makeAuthority, makeCaller, makeCertificate, makeRevocationList } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Authorities,
  type CertificateCase,
  type ClaimCase,
  certificateCases,
  claimCases,
  listedSerials,
  type Shown,
} from "./cases.ts";
import { type Heard, knock } from "./knock.ts";
import { makeOwnCertificates } from "./own-certificates.ts";
import { type CertificatePlatform, openCertificatePlatform } from "./platform.ts";

let platform: CertificatePlatform;
let authorities: Authorities;
/** Of the devices that `factory` provisions. */
let productKey: string;
const opened: Heard[] = [];

beforeAll(async () => {
  platform = await openCertificatePlatform();
  authorities = await registerAll(platform);
});
afterAll(async () => {
  for (const { socket } of opened) socket.destroy();
  await platform?.stop();
});

/** The authorities whose certificates are not just those of a root that may have others below it. */
function authorityNamed(name: string, made: Readonly<Record<string, MadeParty>>): MadeParty {
  const limited = [extensions.authority(0), extensions.keyUsage(0x06)];
  if (name === "short") return makeAuthority(name, { extensions: limited });
  if (name === "below") return makeAuthority(name, { issuer: makeAuthority("nobody's root") });
  return name === "belowShort" ? makeAuthority(name, { issuer: made["short"] }) : makeAuthority(name);
}

async function registerAll({ devices, owner, stores, ...rest }: CertificatePlatform): Promise<Authorities> {
  ({ productKey } = await devices.createProduct(owner, { name: "Cases" }));
  const [other, stopped] = [makeCaller(), makeCaller()];
  const theirs = await devices.createProduct(other, { name: "Theirs" });
  const stoppedProduct = await devices.createProduct(stopped, { name: "Stopped" });
  const provision = { mode: "provision", template: { productKey } };
  const register = { mode: "register", template: { productKey } };
  const made: Record<string, MadeParty> = {};
  const ids: Record<string, string> = {};
  for (const [name, tenant, request] of [
    ["factory", owner, provision],
    ["foreign", other, { mode: "provision", template: { productKey: theirs.productKey } }],
    ["pending", owner, provision],
    ["inactive", owner, provision],
    ["known", owner, {}],
    ["outdated", owner, provision],
    ["register", owner, register],
    ["short", owner, provision],
    ["below", owner, provision],
    ["belowShort", owner, provision],
    ["missing", owner, { ...provision, crlMode: "required" }],
    ["soft", owner, { ...provision, crlMode: "soft" }],
    ["obeyed", owner, provision],
    ["off", owner, provision],
    ["suspended", stopped, { mode: "provision", template: { productKey: stoppedProduct.productKey } }],
  ] as const) {
    const authority = authorityNamed(name, made);
    const record = await devices.registerAuthority(tenant, { certificatePem: authority.pem, ...request });
    made[name] = authority;
    ids[name] = record.authorityId;
    if (name === "pending") continue;
    const proof = makeCertificate({ commonNames: [record.nonce ?? ""], issuer: authority });
    await devices.proveAuthority(tenant, { authorityId: record.authorityId, certificatePem: proof.pem });
  }
  const issuers: Readonly<Record<ClaimCase, string>> = {
    ...{ active: "known", inactive: "known", revoked: "known", listed: "known" },
    ...{ "authority inactive": "inactive", "list outdated": "outdated", "tenant suspended": "suspended" },
  };
  const claims: Partial<Record<ClaimCase, MadeParty>> = {};
  for (const [at, which] of claimCases.entries()) {
    const leaf = makeCertificate({ commonNames: [`claim-${at === 0 ? "active" : at}`], issuer: made[issuers[which]], serial: `70${at}1` });
    claims[which] = leaf;
    const isStopped = which === "tenant suspended";
    const address = { productKey: isStopped ? stoppedProduct.productKey : productKey, name: `claim-${at}` };
    const tenant = isStopped ? stopped : owner;
    await devices.createClaim(tenant, { ...address, certificatePem: leaf.pem });
    if (which === "inactive" || which === "revoked") await devices.updateClaim(tenant, { ...address, status: which });
  }
  const known = made["known"] as MadeParty;
  const listed = `70${claimCases.indexOf("listed")}1`;
  await devices.putRevocationList(owner, { authorityId: ids["known"] ?? "", listPem: makeRevocationList(known, { serials: [listed] }) });
  await devices.updateAuthority(owner, { authorityId: ids["inactive"] ?? "", status: "inactive" });
  // A list that was good when it was given, and whose next one has not come.
  const old = { serials: [], nextUpdateMs: Date.now() - 5_000, thisUpdateMs: Date.now() - 60_000 };
  for (const name of ["outdated", "soft"]) {
    const authority = made[name];
    if (authority === undefined) throw new Error(`${name} was not made`);
    const list = readRevocationList(makeRevocationList(authority, old), authority.pem);
    await stores.lists.replace(ids[name] ?? "", list, { nowMs: Date.now(), fetchAtMs: undefined });
  }
  for (const name of ["obeyed", "off"]) {
    const authority = made[name];
    if (authority === undefined) throw new Error(`${name} was not made`);
    const listPem = makeRevocationList(authority, { serials: listedSerials });
    await devices.putRevocationList(owner, { authorityId: ids[name] ?? "", listPem });
  }
  await devices.updateAuthority(owner, { authorityId: ids["off"] ?? "", crlMode: "off" });
  await stores.suspensions.replace([stopped.tenantId]);
  return { ...made, claims, own: await makeOwnCertificates({ devices, owner, stores, ...rest }) } as unknown as Authorities;
}

type Version = "TLSv1.2" | "TLSv1.3";

async function show(
  leaf: Shown,
  chain: readonly MadeParty[],
  version: Version,
  { node = 0, session }: { readonly node?: number; readonly session?: Buffer | undefined } = {},
): Promise<Heard> {
  const door = platform.doors[node];
  if (door === undefined) throw new Error("there is no door");
  const certPem = leaf.pem + chain.map(({ pem }) => pem).join("");
  const heard = await knock({ certPem, keyPem: leaf.keyPem, version, door, serverCa: platform.serverCa, session, clientId: randomUUID() });
  opened.push(heard);
  return heard;
}

/** Lets it in at the other node, and takes its right away. Answers how it comes again. */
async function lose(leaf: Shown, version: Version, how: NonNullable<CertificateCase["lost"]>) {
  const { outcome, session } = await show(leaf, [], version, { node: 1 });
  expect([outcome, session]).toEqual(["accepted", expect.any(Buffer)]);
  const certificate = new X509Certificate(leaf.pem);
  const address = { productKey, deviceName: /CN=(.*)/.exec(certificate.subject)?.[1] ?? "" };
  const { devices, owner } = platform;
  const fingerprint = certificate.fingerprint256.replaceAll(":", "").toLowerCase();
  if (how === "revoked") await devices.revokeCertificate(owner, { ...address, fingerprint });
  else await devices.setDeviceStatus(owner, { ...address, status: "disabled" });
  return { session };
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("a certificate at the door, %s", (version) => {
  test.each(certificateCases)("$name: $expect $why", async ({ expect: verdict, why, make, lost }) => {
    const { leaf, chain = [] } = make(authorities);
    const before = lost === undefined ? undefined : await lose(leaf, version, lost);
    platform.refusals.length = 0;
    const heard = await show(leaf, chain, version, before);
    const refused = platform.refusals.at(-1) ?? "no certificate";
    const reason = heard.outcome === "refused" ? refused : heard.outcome === "accepted" ? "" : heard.outcome;
    const wanted = typeof why === "string" ? why : why[version === "TLSv1.2" ? 0 : 1];
    expect({ verdict: heard.outcome === "accepted" ? "accept" : "refuse", why: reason }).toEqual({ verdict, why: wanted });
    if (lost === undefined) expect(heard.isReused).toBe(false);
  });
});

test("there are at least 45 rows, and no two of one name", () => {
  expect(certificateCases.length).toBeGreaterThanOrEqual(45);
  expect(new Set(certificateCases.map(({ name }) => name)).size).toBe(certificateCases.length);
});
