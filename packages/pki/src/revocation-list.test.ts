import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, createIssuingAuthority, createRootAuthority } from "./authority.ts";
import { readChildren, readDer } from "./der.ts";
import { hasOpenssl, openWorkbench, type Workbench } from "./openssl.test-support.ts";
import { createRevocationList, type RevocationListRequest } from "./revocation-list.ts";
import { createServerCertificate } from "./server-certificate.ts";

const nowMs = Math.floor(Date.now() / 1000) * 1000;

describe.skipIf(!hasOpenssl)("revocation lists", () => {
  let bench: Workbench;
  let root: Authority;
  let issuing: Authority;
  const request: RevocationListRequest = { entries: [], number: 1n, thisUpdateMs: nowMs - 1000, nextUpdateMs: nowMs + 86_400_000 };

  beforeAll(async () => {
    bench = openWorkbench();
    root = await createRootAuthority({ name: { commonName: "Root" }, validityDays: 30, nowMs });
    issuing = await createIssuingAuthority(root, { name: { commonName: "Issuing" }, validityDays: 30, nowMs });
    bench.write("root.pem", root.certificatePem);
    bench.write("issuing.pem", issuing.certificatePem);
  });
  afterAll(() => bench.close());

  test("openssl reads the list, verifies its signature and shows every entry with its reason", () => {
    const entries = [
      { serial: "00FF:01", revokedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5), reason: "keyCompromise" },
      { serial: "5", revokedAtMs: Date.UTC(2051, 0, 1), reason: "unspecified" },
    ] as const;
    const list = createRevocationList(issuing, { ...request, entries, number: 255n });
    expect(list.pem).toMatch(/^-----BEGIN X509 CRL-----\n/);
    bench.write("list.pem", list.pem);
    bench.write("list.der", list.der);
    expect(bench.sh("crl -inform DER -in list.der -outform PEM")).toBe(list.pem);
    expect(() => bench.sh("crl -in list.pem -noout -CAfile root.pem")).toThrow(/verifyfailure|verify failure|issuer/i);
    bench.write("both.pem", root.certificatePem + issuing.certificatePem);
    const text = bench.sh("crl -in list.pem -noout -text -CAfile both.pem");
    expect(text).toContain("Version 2");
    expect(text).toMatch(/X509v3 CRL Number:\s+255\n/);
    expect(text).toMatch(
      /Serial Number: FF01\s+Revocation Date: Jan {2}2 03:04:05 2026 GMT\s+CRL entry extensions:\s+X509v3 CRL Reason Code:\s+Key Compromise/,
    );
    expect(text).toMatch(/Serial Number: 05\s+Revocation Date: Jan {2}1 00:00:00 2051 GMT\s+Signature/);
  });

  test("openssl refuses a revoked certificate by the list and accepts one that is not in it", async () => {
    const [kept, revoked] = [await createServerCertificate(issuing, serverRequest), await createServerCertificate(issuing, serverRequest)];
    bench.write("kept.pem", kept.certificatePem);
    bench.write("revoked.pem", revoked.certificatePem);
    bench.write(
      "list.pem",
      createRevocationList(issuing, { ...request, entries: [{ serial: revoked.serial, revokedAtMs: nowMs, reason: "superseded" }] }).pem,
    );
    const verify = "verify -crl_check -CRLfile list.pem -CAfile root.pem -untrusted issuing.pem";
    expect(bench.sh(`${verify} kept.pem`)).toContain("OK");
    expect(() => bench.sh(`${verify} revoked.pem`)).toThrow(/certificate revoked/);
  });
  const serverRequest = { dnsNames: ["x"], validityDays: 1, nowMs };

  test("a list with nothing revoked has no list of entries at all [RFC 5280 §5.1.2.6]", () => {
    const list = createRevocationList(root, request);
    const [tbs] = readChildren(readDer(list.der));
    expect(tbs && readChildren(tbs).map(({ tag }) => tag)).toEqual([0x02, 0x30, 0x30, 0x17, 0x17, 0xa0]);
    bench.write("list.pem", list.pem);
    expect(bench.sh("crl -in list.pem -noout -text -CAfile root.pem")).toContain("No Revoked Certificates");
  });

  test("100,000 entries make a list that openssl reads; one more is refused", () => {
    const entries = Array.from({ length: 100_000 }, (_, i) => ({
      serial: (i + 1).toString(16),
      revokedAtMs: nowMs,
      reason: "superseded" as const,
    }));
    bench.write("list.der", createRevocationList(root, { ...request, entries }).der);
    expect(bench.sh("crl -inform DER -in list.der -noout -CAfile root.pem -lastupdate")).toContain("lastUpdate");
    const more = [...entries, { serial: "ffffff", revokedAtMs: nowMs, reason: "superseded" as const }];
    expect(() => createRevocationList(root, { ...request, entries: more })).toThrow(
      expect.objectContaining({ code: "failedPrecondition" }),
    );
  });

  test.each([
    ["a serial twice, in two spellings", { entries: [entry("0a"), entry("A")] }],
    ["a serial that is none", { entries: [entry("xyz")] }],
    ["a serial of 21 octets", { entries: [entry("f".repeat(42))] }],
    ["an unknown reason", { entries: [{ ...entry("1"), reason: "toString" as "superseded" }] }],
    ["a negative number", { number: -1n }],
    ["an end before its begin", { nextUpdateMs: nowMs - 2000 }],
  ])("%s is refused", (_name, changes) => {
    expect(() => createRevocationList(root, { ...request, ...changes })).toThrow(expect.objectContaining({ code: "invalidArgument" }));
  });
});

function entry(serial: string) {
  return { serial, revokedAtMs: nowMs, reason: "superseded" as const };
}
