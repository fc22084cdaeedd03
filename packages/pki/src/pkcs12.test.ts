import { X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createIssuingAuthority, createRootAuthority } from "./authority.ts";
import { issueDeviceKeyPair } from "./key-pair.ts";
import { hasOpenssl, openWorkbench } from "./openssl.test-support.ts";
import { createPkcs12 } from "./pkcs12.ts";

const nowMs = Date.now();

describe.skipIf(!hasOpenssl)("openssl pkcs12 is the judge", () => {
  test.each(["ec-p256", "ec-p384", "rsa-3072"] as const)(
    "a bundle with a key of kind %s opens with its password and no other",
    async (keyType) => {
      const root = await createRootAuthority({ name: { commonName: "Root" }, validityDays: 100, nowMs });
      const issuing = await createIssuingAuthority(root, { name: { commonName: "Issuer" }, validityDays: 50, nowMs });
      const device = { productKey: "prod1", deviceName: "dev-1", organization: "t", validityDays: 10, nowMs };
      const made = await issueDeviceKeyPair(issuing, device, keyType);
      const bench = openWorkbench();
      try {
        const password = "correct horse 9";
        bench.write("b.p12", createPkcs12({ ...made, password, friendlyName: "dev-1" }));
        const key = bench.run("pkcs12", "-in", "b.p12", "-nocerts", "-nodes", "-passin", `pass:${password}`);
        const certificates = bench.run("pkcs12", "-in", "b.p12", "-nokeys", "-passin", `pass:${password}`);
        expect(certificates.match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
        expect(certificates).toContain("friendlyName: dev-1");
        bench.write("key.pem", key);
        bench.write("dev.pem", made.certificatePem);
        expect(bench.sh("pkey -in key.pem -pubout")).toBe(
          new X509Certificate(made.certificatePem).publicKey.export({ type: "spki", format: "pem" }),
        );
        expect(() => bench.run("pkcs12", "-in", "b.p12", "-nodes", "-passin", "pass:wrong horse 99")).toThrow(/mac verify/i);
      } finally {
        bench.close();
      }
    },
  );

  test.each(["short", "x".repeat(129), "pässword1"])("the password %s is refused", (password) => {
    const content = { privateKeyPem: "", chainPem: "", friendlyName: "x", password };
    expect(() => createPkcs12(content)).toThrow("/password");
  });
});
