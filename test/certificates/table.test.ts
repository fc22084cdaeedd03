import { randomUUID } from "node:crypto";
import { readRevocationList } from "@mooring/pki";
import { type MadeParty, makeAuthority, makeCaller, makeCertificate, makeRevocationList } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authorities, type ClaimCase, certificateCases, claimCases, listedSerials } from "./cases.ts";
import { type Heard, knock } from "./knock.ts";
import { type CertificatePlatform, openCertificatePlatform } from "./platform.ts";

let platform: CertificatePlatform;
let authorities: Authorities;
const opened: Heard[] = [];

beforeAll(async () => {
  platform = await openCertificatePlatform();
  authorities = await registerAll(platform);
});
afterAll(async () => {
  for (const { socket } of opened) socket.destroy();
  await platform?.stop();
});

async function registerAll({ devices, owner, stores }: CertificatePlatform): Promise<Authorities> {
  const { productKey } = await devices.createProduct(owner, { name: "Cases" });
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
    ["missing", owner, { ...provision, crlMode: "required" }],
    ["soft", owner, { ...provision, crlMode: "soft" }],
    ["obeyed", owner, provision],
    ["off", owner, provision],
    ["suspended", stopped, { mode: "provision", template: { productKey: stoppedProduct.productKey } }],
  ] as const) {
    const authority = makeAuthority(name);
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
  return { ...made, claims } as unknown as Authorities;
}

async function show(
  leaf: MadeParty | undefined,
  chain: readonly MadeParty[],
  version: "TLSv1.2" | "TLSv1.3",
  session?: Buffer,
): Promise<Heard> {
  const [door] = platform.doors;
  if (door === undefined) throw new Error("there is no door");
  const certPem = leaf === undefined ? undefined : leaf.pem + chain.map(({ pem }) => pem).join("");
  const heard = await knock({ certPem, keyPem: leaf?.keyPem, version, door, serverCa: platform.serverCa, session, clientId: randomUUID() });
  opened.push(heard);
  return heard;
}

describe.each(["TLSv1.2", "TLSv1.3"] as const)("a certificate at the door, %s", (version) => {
  test.each(certificateCases)("$name: $expect $why", async ({ expect: verdict, why, make }) => {
    const { leaf, chain = [] } = make(authorities);
    platform.refusals.length = 0;
    const heard = await show(leaf, chain, version);
    const refused = platform.refusals.at(-1) ?? "no certificate";
    const reason = heard.outcome === "refused" ? refused : heard.outcome === "accepted" ? "" : heard.outcome;
    const wanted = typeof why === "string" ? why : why[version === "TLSv1.2" ? 0 : 1];
    expect({ verdict: heard.outcome === "accepted" ? "accept" : "refuse", why: reason }).toEqual({ verdict, why: wanted });
    expect(heard.isReused).toBe(false);
  });
});

test("there are at least 45 rows, and no two of one name", () => {
  expect(certificateCases.length).toBeGreaterThanOrEqual(45);
  expect(new Set(certificateCases.map(({ name }) => name)).size).toBe(certificateCases.length);
});
