import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, createIssuingAuthority, createRootAuthority } from "./authority.ts";
import { issueDeviceCertificate } from "./issue.ts";
import { hasOpenssl, openWorkbench, type Workbench } from "./openssl.test-support.ts";
import { createServerCertificate } from "./server-certificate.ts";
import { openSigner } from "./signer.ts";

const nowMs = Math.floor(Date.now() / 1000) * 1000;
const dayMs = 86_400_000;

test("openssl judges these certificates wherever the checks count", () => {
  expect(hasOpenssl || process.env["CI"] === undefined).toBe(true);
});

describe.skipIf(!hasOpenssl)("authorities", () => {
  let bench: Workbench;
  let root: Authority;
  let issuing: Authority;
  beforeAll(async () => {
    bench = openWorkbench();
    root = await createRootAuthority({ name: { commonName: "Mooring Root", organization: "Acme" }, validityDays: 3650, nowMs });
    issuing = await createIssuingAuthority(root, { name: { commonName: "Mooring Issuing" }, validityDays: 365, nowMs });
    bench.write("root.pem", root.certificatePem);
    bench.write("issuing.pem", issuing.certificatePem);
  });
  afterAll(() => bench.close());

  test("openssl finds root and issuing authority strictly well-formed [RFC 5280 §4.2]", () => {
    expect(bench.sh("verify -x509_strict -check_ss_sig -CAfile root.pem root.pem")).toContain("OK");
    expect(bench.sh("verify -x509_strict -CAfile root.pem issuing.pem")).toContain("OK");
  });

  test("constraints and key usage are critical and name the path length [RFC 5280 §4.2.1.9]", () => {
    const rootText = bench.sh("x509 -in root.pem -noout -text");
    expect(rootText).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:1/);
    expect(rootText).toMatch(/Key Usage: critical\s+Certificate Sign, CRL Sign/);
    const issuingText = bench.sh("x509 -in issuing.pem -noout -text");
    expect(issuingText).toMatch(/CA:TRUE, pathlen:0/);
    const keyId = /Subject Key Identifier:\s+([0-9A-F:]+)/.exec(rootText)?.[1];
    expect(keyId).toMatch(/^([0-9A-F]{2}:){19}[0-9A-F]{2}$/);
    expect(/Authority Key Identifier:\s+(?:keyid:)?([0-9A-F:]+)/.exec(issuingText)?.[1]).toBe(keyId);
    expect(issuingText).toContain("prime256v1");
  });

  test("key usage is a named bit list without trailing zeros [X.690 §11.2.2]", () => {
    expect(new X509Certificate(root.certificatePem).raw.includes(Buffer.from("0603551d0f0101ff040403020106", "hex"))).toBe(true);
  });

  test("serial and fingerprint are as openssl prints them, and no two serials are alike", async () => {
    const certificate = new X509Certificate(root.certificatePem);
    expect(bench.sh("x509 -in root.pem -noout -serial")).toBe(`serial=${root.serial.toUpperCase()}\n`);
    expect(certificate.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(root.fingerprintSha256);
    expect(root.serial).toMatch(/^[4-7][0-9a-f]{31}$/);
    expect(issuing.serial).not.toBe(root.serial);
  });

  test("validity begins five minutes back and ends when it was asked to, also past 2049 [RFC 5280 §4.1.2.5]", async () => {
    const late = await createRootAuthority({ name: { commonName: "Late" }, validityDays: 18_250, nowMs });
    for (const made of [root, late]) {
      const certificate = new X509Certificate(made.certificatePem);
      expect(Date.parse(certificate.validFrom)).toBe(nowMs - 300_000);
      expect(Date.parse(certificate.validTo)).toBe(made.notAfterMs);
    }
    expect(late.notAfterMs).toBe(nowMs + 18_250 * dayMs);
    bench.write("late.pem", late.certificatePem);
    expect(bench.sh("verify -x509_strict -CAfile late.pem late.pem")).toContain("OK");
  });

  test("an issuing authority ends no later than its root", async () => {
    const long = await createIssuingAuthority(root, { name: { commonName: "Long" }, validityDays: 9000, nowMs });
    expect(long.notAfterMs).toBe(root.notAfterMs);
  });

  test("an authority of path length 0 makes no authority below itself [RFC 5280 §4.2.1.9]", async () => {
    const request = { name: { commonName: "Third" }, validityDays: 10, nowMs };
    await expect(createIssuingAuthority(issuing, request)).rejects.toMatchObject({ code: "failedPrecondition" });
  });

  test("an authority that has ended or not begun signs nothing", async () => {
    const request = { name: { commonName: "Late" }, validityDays: 10 };
    await expect(createIssuingAuthority(root, { ...request, nowMs: root.notAfterMs })).rejects.toMatchObject({
      code: "failedPrecondition",
    });
    await expect(createIssuingAuthority(root, { ...request, nowMs: root.notBeforeMs - 1000 })).rejects.toMatchObject({
      code: "failedPrecondition",
    });
  });

  test.each(["ec-p384", "rsa-3072"] as const)("a %s root signs and is verified by openssl", async (keyType) => {
    const other = await createRootAuthority({ name: { commonName: "Other" }, validityDays: 30, nowMs, keyType });
    const below = await createIssuingAuthority(other, { name: { commonName: "Below" }, validityDays: 30, nowMs });
    bench.write("other.pem", other.certificatePem);
    bench.write("below.pem", below.certificatePem);
    expect(bench.sh("verify -x509_strict -CAfile other.pem below.pem")).toContain("OK");
  });

  test("an authority made by openssl signs here, and openssl accepts what it signed", async () => {
    bench.sh("req -x509 -newkey rsa:2048 -nodes -keyout foreign.key -out foreign.pem -days 30 -subj /C=DE/O=Foreign/CN=Foreign");
    bench.sh("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout d.key -out d.csr -subj /CN=x");
    const foreign = { certificatePem: bench.read("foreign.pem"), privateKeyPem: bench.read("foreign.key"), chainPem: "" };
    const request = {
      productKey: "a1B2c3",
      deviceName: "pump-7",
      csrPem: bench.read("d.csr"),
      organization: "acme",
      validityDays: 7,
      nowMs,
    };
    const issued = await issueDeviceCertificate(foreign, { ...request, nowMs: Date.now() + 1000 });
    bench.write("leaf.pem", issued.certificatePem);
    expect(bench.sh("verify -purpose sslclient -CAfile foreign.pem leaf.pem")).toContain("OK");
  });

  test("a key of another authority, a leaf and garbage are no signers", async () => {
    const leaf = await createServerCertificate(issuing, { dnsNames: ["x"], validityDays: 1, nowMs });
    const signers = [
      { ...root, privateKeyPem: issuing.privateKeyPem },
      { ...leaf },
      { ...root, privateKeyPem: "nonsense" },
      { ...root, certificatePem: root.certificatePem + issuing.certificatePem },
      { ...root, certificatePem: root.certificatePem.replace("A", "*") },
    ];
    for (const signer of signers) expect(() => openSigner(signer)).toThrow(expect.objectContaining({ code: "invalidArgument" }));
  });

  test.each([0, 1.5, -1, 18_251, Number.NaN])("%s days are refused", async (validityDays) => {
    await expect(createRootAuthority({ name: { commonName: "x" }, validityDays, nowMs })).rejects.toMatchObject({
      code: "invalidArgument",
    });
  });

  test.each(["", "a\nb", "a\0", "é", "x".repeat(65)])("the name %j is refused", async (commonName) => {
    await expect(createRootAuthority({ name: { commonName }, validityDays: 1, nowMs })).rejects.toMatchObject({ code: "invalidArgument" });
  });

  describe("server certificates", () => {
    test("openssl matches every DNS name and address [RFC 9525 §6]", async () => {
      const ipAddresses = ["192.0.2.7", "::1", "2001:db8::5:0:7", "fe80::", "::ffff:192.0.2.9", "1:2:3:4:5:6:7:8"];
      const made = await createServerCertificate(issuing, {
        dnsNames: ["Mooring.example.org", "*.iot.example.org", "shadow"],
        ipAddresses,
        validityDays: 90,
        nowMs,
      });
      bench.write("server.pem", made.certificatePem);
      for (const host of ["mooring.example.org", "a.iot.example.org", "shadow"]) {
        expect(bench.sh(`x509 -in server.pem -noout -checkhost ${host}`)).toContain("does match");
      }
      for (const ip of ipAddresses) expect(bench.sh(`x509 -in server.pem -noout -checkip ${ip}`)).toContain("does match");
      expect(bench.sh("x509 -in server.pem -noout -checkhost b.a.iot.example.org")).toContain("NOT match");
      expect(bench.sh("verify -x509_strict -purpose sslserver -CAfile root.pem -untrusted issuing.pem server.pem")).toContain("OK");
      expect(() => bench.sh("verify -purpose sslclient -CAfile root.pem -untrusted issuing.pem server.pem")).toThrow();
    });

    test.each(["ec-p256", "ec-p384", "rsa-3072"] as const)(
      "two services with %s keys and client rights shake hands by mutual TLS",
      async (keyType) => {
        const request = { dnsNames: ["shadow"], clientAuth: true, validityDays: 1, nowMs, keyType };
        const made = await createServerCertificate(issuing, request);
        const options = { ca: root.certificatePem, cert: made.chainPem, key: made.privateKeyPem };
        const server = createServer({ ...options, requestCert: true, rejectUnauthorized: true }).listen(0, "127.0.0.1");
        await once(server, "listening");
        const accepted = once(server, "secureConnection") as Promise<[TLSSocket]>;
        const client = connect({ ...options, port: (server.address() as AddressInfo).port, servername: "shadow" });
        await once(client, "secureConnect");
        const [socket] = await accepted;
        expect(socket.getPeerX509Certificate()?.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(made.fingerprintSha256);
        client.destroy();
        socket.destroy();
        server.close();
      },
    );

    test.each([
      { dnsNames: [] },
      { dnsNames: ["a b"] },
      { dnsNames: ["a\0.example"] },
      { dnsNames: ["*"] },
      { dnsNames: ["a.*.example"] },
      { dnsNames: ["10.0.0.1"] },
      { dnsNames: ["a".repeat(64)] },
      { dnsNames: new Array<string>(101).fill("a") },
      { dnsNames: [], ipAddresses: ["10.0.0.256"] },
      { dnsNames: [], ipAddresses: ["fe80::1%eth0"] },
    ])("names that are none are refused: %j", async (names) => {
      await expect(createServerCertificate(issuing, { ...names, validityDays: 1, nowMs })).rejects.toMatchObject({
        code: "invalidArgument",
      });
    });
  });
});
