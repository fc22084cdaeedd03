import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createIssuingAuthority, createRootAuthority } from "./authority.ts";
import {
  type CertificateStatus,
  createStatusFailure,
  createStatusResponse,
  isIssuerAsked,
  parseStatusRequest,
} from "./certificate-status.ts";
import { issueDeviceCertificate } from "./issue.ts";
import { hasOpenssl, openWorkbench } from "./openssl.test-support.ts";

const nowMs = Date.now();
const places = { revocationListUrl: "http://pki.test/crl", statusUrl: "http://pki.test/ocsp" };

describe.skipIf(!hasOpenssl)("openssl ocsp is the judge", () => {
  test.each([
    ["good", { status: "good" }, /dev\.pem: good/],
    [
      "revoked",
      { status: "revoked", revokedAtMs: nowMs - 60_000, reason: "keyCompromise" },
      /dev\.pem: revoked[\s\S]*Reason: keyCompromise/,
    ],
    ["held", { status: "revoked", revokedAtMs: nowMs - 60_000, reason: "certificateHold" }, /Reason: certificateHold/],
    ["unknown", { status: "unknown" }, /dev\.pem: unknown/],
  ] satisfies [string, CertificateStatus, RegExp][])(
    "a %s certificate is told so, signed and with the nonce (RFC 6960 §4.4.1)",
    async (_, status, said) => {
      const root = await createRootAuthority({ name: { commonName: "Root" }, validityDays: 100, nowMs });
      const issuing = await createIssuingAuthority(root, { name: { commonName: "Issuer" }, validityDays: 50, nowMs });
      const bench = openWorkbench();
      try {
        bench.sh("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout k.pem -subj /CN=x -out r.pem");
        const device = {
          productKey: "prod1",
          deviceName: "dev-1",
          organization: "t",
          validityDays: 10,
          nowMs,
          csrPem: bench.read("r.pem"),
          statusPlaces: places,
        };
        const made = await issueDeviceCertificate(issuing, device);
        bench.write("dev.pem", made.certificatePem);
        bench.write("root.pem", root.certificatePem);
        bench.write("issuer.pem", issuing.certificatePem);
        expect(bench.sh("x509 -in dev.pem -noout -ocsp_uri").trim()).toBe(places.statusUrl);
        expect(bench.sh("x509 -in dev.pem -noout -ext crlDistributionPoints")).toContain(places.revocationListUrl);
        for (const hash of ["-sha1", "-sha256"]) {
          bench.sh(`ocsp ${hash} -issuer issuer.pem -cert dev.pem -reqout q.der`);
          const request = parseStatusRequest(readFileSync(`${bench.dir}/q.der`));
          const [question] = request?.questions ?? [];
          expect(question?.serial).toBe(made.serial);
          if (request === undefined || question === undefined) throw new Error("not read");
          expect([isIssuerAsked(question, issuing.certificatePem), isIssuerAsked(question, root.certificatePem)]).toEqual([true, false]);
          bench.write("a.der", createStatusResponse(issuing, { request, statuses: [status], nowMs, nextUpdateMs: nowMs + 60_000 }));
          const check = `ocsp -no_nonce ${hash} -issuer issuer.pem -cert dev.pem -reqin q.der -respin a.der -CAfile root.pem`;
          const { stdout, stderr } = bench.both(check);
          expect(stderr).toContain("Response verify OK");
          expect(stderr).not.toContain("WARNING");
          expect(stdout).toMatch(said);
        }
      } finally {
        bench.close();
      }
    },
  );
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["no DER", Buffer.from("GET / HTTP/1.1")],
  ["an empty list", Buffer.from("300430023000", "hex")],
  ["too many bytes", Buffer.alloc(5_000, 0x30)],
])("%s is no request", (_, bytes) => {
  expect(parseStatusRequest(bytes)).toBeUndefined();
});

test("a failure is one octet in two wrappings (RFC 6960 §4.2.1)", () => {
  expect(createStatusFailure("malformedRequest").toString("hex")).toBe("30030a0101");
  expect(createStatusFailure("unauthorized").toString("hex")).toBe("30030a0106");
});
