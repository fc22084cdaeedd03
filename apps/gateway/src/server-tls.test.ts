import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { followServerTls, type ServerTls, silentLog } from "@mooring/kit";
import { createRootAuthority, createServerCertificate } from "@mooring/pki";
import { afterEach, expect, test } from "vitest";
import { startHarness } from "./harness.test-support.ts";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function makeTls(name: string): Promise<ServerTls> {
  const nowMs = Date.now();
  const authority = await createRootAuthority({ name: { commonName: "next" }, validityDays: 2, nowMs });
  const made = await createServerCertificate(authority, { dnsNames: [name], validityDays: 1, nowMs });
  return { certificatePem: made.chainPem, keyPem: made.privateKeyPem };
}

/** The name in the certificate that a door shows, and the connection that saw it. */
async function look(address = ""): Promise<{ readonly name: string | undefined; readonly socket: TLSSocket }> {
  const [host, port] = address.split(":");
  const socket = connect({ host, port: Number(port), rejectUnauthorized: false });
  stops.push(async () => void socket.destroy());
  await once(socket, "secureConnect");
  return { name: socket.getPeerX509Certificate()?.subjectAltName, socket };
}

test("a replaced server certificate is shown at every door without a restart, and connections there stay", async () => {
  let answer: ServerTls | undefined;
  const harness = await startHarness({}, {}, { readTlsMs: 10, readTls: async (opened) => answer ?? opened });
  stops.push(() => harness.stop());
  const { mqtts, https } = harness.gateway.addresses;
  const before = await look(mqtts);
  expect(before.name).toContain("localhost");
  answer = await makeTls("replaced.test");
  for (const door of [mqtts, https]) await expect.poll(async () => (await look(door)).name).toBe("DNS:replaced.test");
  expect(before.socket.destroyed).toBe(false);
});

test("what cannot be used changes nothing, and what comes after it is taken", async () => {
  const [opened, good, other] = await Promise.all(["a.test", "b.test", "c.test"].map(makeTls));
  if (opened === undefined || good === undefined || other === undefined) throw new Error("not made");
  const applied: ServerTls[] = [];
  let reads = 0;
  const wrong = [
    { ...good, keyPem: other.keyPem },
    { ...good, certificatePem: good.certificatePem.slice(0, 300) },
  ];
  const read = async (): Promise<ServerTls> => wrong[reads++] ?? good;
  const following = followServerTls({ opened, read, apply: (tls) => applied.push(tls), log: silentLog, everyMs: 2 });
  stops.push(() => following.stop());
  await expect.poll(() => reads).toBeGreaterThan(5);
  expect(applied).toEqual([good]);
});
