// Lists over real HTTP from this machine, which the operator has allowed.
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import type { Caller } from "@mooring/contracts";
import { createAddressRules, createMetrics, type Running, silentLog } from "@mooring/kit";
import { extensions, type MadeParty, makeAuthority, makeCaller, makeCertificate, makeRevocationList } from "@mooring/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { gateway } from "./conformance/made-device.test-support.ts";
import { type Harness, openHarness } from "./harness.test-support.ts";
import { startListFetcher } from "./list-fetcher.ts";

const soon = { timeout: 20_000, interval: 20 };
let harness: Harness;
let server: Server;
let url: string;
let answer: RequestListener;
let asked = 0;
let owner: Caller;
let productKey: string;
let authority: MadeParty;
/** Of the authority of the test, by their serial numbers. */
const leaves = new Map<string, MadeParty>();
const fetchers: Running[] = [];

beforeAll(async () => {
  harness = await openHarness();
  server = createServer((request, response) => {
    // Authorities of earlier tests are asked about as well.
    if (!url.endsWith(request.url ?? "")) return void response.writeHead(404).end();
    asked++;
    answer(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});
beforeEach(async () => {
  owner = makeCaller();
  ({ productKey } = await harness.api.createProduct(owner, { name: "Lists" }));
  authority = makeAuthority("Factory CA");
  asked = 0;
  leaves.clear();
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/${randomUUID()}.crl`;
});
afterEach(async () => {
  for (const fetcher of fetchers.splice(0)) await fetcher.stop();
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  await harness.stop();
});

function start(networks: readonly string[] = ["127.0.0.0/8"], pausesMs = { min: 50, max: 100 }): void {
  const rules = createAddressRules(networks, [(server.address() as AddressInfo).port]);
  const clock = { now: harness.now };
  fetchers.push(startListFetcher({ lists: harness.stores.lists, rules, pausesMs, clock, log: silentLog, metrics: createMetrics() }));
}

const derOf = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
const gives =
  (body: Buffer | string): RequestListener =>
  (_request, response) =>
    void response.end(body);
const listOf = (choices: object = {}): Buffer => derOf(makeRevocationList(authority, { serials: ["4101"], number: 5, ...choices }));

async function register(more: object, proofExtensions?: readonly Buffer[]): Promise<string> {
  const request = { certificatePem: authority.pem, mode: "provision", template: { productKey }, ...more };
  const { authorityId, nonce = "" } = await harness.api.registerAuthority(owner, request);
  const proof = makeCertificate({ commonNames: [nonce], issuer: authority, ...(proofExtensions && { extensions: proofExtensions }) });
  await harness.api.proveAuthority(owner, { authorityId, certificatePem: proof.pem });
  return authorityId;
}

async function statusOf(authorityId: string) {
  const { authorities } = await harness.api.listAuthorities(owner, {});
  return authorities.find((one) => one.authorityId === authorityId)?.revocationList;
}

const enter = (serial: string) => {
  const leaf = leaves.get(serial) ?? makeCertificate({ commonNames: [`dev-${serial}`], issuer: authority, serial });
  leaves.set(serial, leaf);
  const { der } = leaf;
  return harness.api.authenticateCertificate(gateway, { certificateDer: der }).then(
    () => "accepted",
    () => "refused",
  );
};

test("a list is fetched from the place that was given, once its authority is proved, and obeyed", async () => {
  answer = gives(listOf());
  start();
  const authorityId = await register({ crlUrl: url, crlMode: "required" });
  await expect.poll(() => statusOf(authorityId), soon).toMatchObject({ mode: "required", state: "current", url, number: "5" });
  expect([await enter("4101"), await enter("4102")]).toEqual(["refused", "accepted"]);
  expect((await statusOf(authorityId))?.error).toBeUndefined();
});

test("without one that was given, the place is the one that the authority writes into what it signs [RFC 5280 §4.2.1.13]", async () => {
  answer = gives(makeRevocationList(authority, { serials: ["4101"] }));
  start();
  const proofExtensions = [extensions.leaf(), extensions.keyUsage(0x80), extensions.listPlace(url)];
  const authorityId = await register({}, proofExtensions);
  await expect.poll(() => statusOf(authorityId), soon).toMatchObject({ mode: "auto", state: "current", url });
  expect(await enter("4101")).toBe("refused");
});

test("nothing is fetched for an authority that nobody has proved, nor where lists are off", async () => {
  answer = gives(listOf());
  start();
  await harness.api.registerAuthority(owner, { certificatePem: authority.pem, crlUrl: url });
  const off = await register({ crlUrl: url, crlMode: "off" });
  authority = makeAuthority("Another CA");
  answer = gives(listOf());
  const other = await register({ crlUrl: url });
  await expect.poll(async () => (await statusOf(other))?.state, soon).toBe("current");
  expect(await statusOf(off)).toEqual({ mode: "off", state: "none", url });
});

test("it is fetched again before the next one is due, and what it says anew counts; the same one tells gateways nothing", async () => {
  answer = gives(listOf({ serials: [] }));
  start();
  const authorityId = await register({ crlUrl: url });
  await expect.poll(() => statusOf(authorityId), soon).toMatchObject({ state: "current" });
  expect(await enter("4101")).toBe("accepted");
  const { next } = await harness.api.listChanges(gateway, {});
  const before = asked;
  await expect.poll(() => asked, soon).toBeGreaterThan(before + 2);
  expect((await harness.api.listChanges(gateway, { after: next })).changes).toEqual([]);
  answer = gives(listOf({ number: 6 }));
  await expect.poll(() => enter("4101"), soon).toBe("refused");
  expect((await harness.api.listChanges(gateway, { after: next })).changes).toContainEqual(expect.objectContaining({ productKey }));
});

test.each([
  ["a server that does not have it", (_request, response) => void response.writeHead(404).end(), "the server answered 404"],
  ["a redirect", (_request, response) => void response.writeHead(302, { location: "/other" }).end(), "the server answered 302"],
  ["an answer that is too long", gives(Buffer.alloc(2 * 1024 * 1024)), "the answer has more than 1048576 bytes"],
  ["what is no list", gives("<html>"), "the list is not a well-formed revocation list"],
  [
    "a list of another",
    gives(derOf(makeRevocationList(makeAuthority("Factory CA"), { serials: [] }))),
    "the list is not signed by the authority",
  ],
] as const satisfies readonly (readonly [string, RequestListener, string])[])(
  "%s is told to the operator, and what was known stays",
  async (_, fault, error) => {
    answer = gives(listOf());
    start();
    const authorityId = await register({ crlUrl: url });
    await expect.poll(() => statusOf(authorityId), soon).toMatchObject({ state: "current" });
    answer = fault;
    await expect.poll(() => statusOf(authorityId), soon).toMatchObject({ error, state: "current", number: "5" });
    expect(await enter("4101")).toBe("refused");
    answer = gives(listOf({ number: 6, serials: [] }));
    await expect.poll(() => statusOf(authorityId), soon).toMatchObject({ number: "6" });
    expect((await statusOf(authorityId))?.error).toBeUndefined();
  },
);

test("a list whose number goes back, or that is out of date, is not obeyed", async () => {
  answer = gives(listOf());
  start();
  const authorityId = await register({ crlUrl: url });
  await expect.poll(() => statusOf(authorityId), soon).toMatchObject({ state: "current" });
  answer = gives(listOf({ number: 4, serials: [] }));
  await expect.poll(async () => (await statusOf(authorityId))?.error, soon).toBe("the list has the number 4, and 5 was there before");
  answer = gives(listOf({ number: 6, serials: [], nextUpdateMs: harness.now() - 5_000 }));
  await expect.poll(async () => (await statusOf(authorityId))?.error, soon).toMatch(/^the list is out of date/);
  expect(await enter("4101")).toBe("refused");
});

test("an address inside is not asked unless the operator has allowed it", async () => {
  answer = gives(listOf());
  start([]);
  const authorityId = await register({ crlUrl: url, crlMode: "required" });
  await expect.poll(() => statusOf(authorityId), soon).toMatchObject({ state: "none", error: "the address is not public" });
  expect(asked).toBe(0);
  expect(await enter("4102")).toBe("refused");
});

test("two processes fetch it once, and a change of its settings fetches it at once", async () => {
  const day = { min: 86_400_000, max: 86_400_000 };
  answer = gives(listOf());
  for (let processes = 0; processes < 3; processes++) start(undefined, day);
  const authorityId = await register({ crlUrl: url });
  await expect.poll(() => statusOf(authorityId), soon).toMatchObject({ state: "current" });
  expect(asked).toBe(1);
  await harness.api.updateAuthority(owner, { authorityId, crlUrl: url });
  await expect.poll(() => asked, soon).toBe(2);
  const { revocationList } = await harness.api.updateAuthority(owner, { authorityId, crlUrl: "" });
  expect(revocationList?.url).toBeUndefined();
  expect(revocationList?.nextFetchMs).toBeUndefined();
});
