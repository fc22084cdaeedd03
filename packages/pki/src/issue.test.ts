import { createPrivateKey, X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Authority, createIssuingAuthority, createRootAuthority } from "./authority.ts";
import { readCertificate } from "./certificate-fields.ts";
import { der, derTag, readChildren, readDer, sequence } from "./der.ts";
import { readIdentity } from "./identity.ts";
import { type DeviceCertificateRequest, issueDeviceCertificate } from "./issue.ts";
import { hasOpenssl, openWorkbench, pemToDer, type Workbench } from "./openssl.test-support.ts";

const nowMs = Math.floor(Date.now() / 1000) * 1000;

describe.skipIf(!hasOpenssl)("device certificates", () => {
  let bench: Workbench;
  let root: Authority;
  let issuing: Authority;
  let goodCsr: string;

  /** A request by the real openssl with a key of this kind; `more` are further options of `openssl req`. */
  const csrOf = (genpkey: string, ...more: string[]): string => {
    bench.sh(`genpkey -out key.pem ${genpkey}`);
    bench.run("req", "-new", "-key", "key.pem", "-out", "d.csr", "-subj", "/CN=somebody/O=else", ...more);
    return bench.read("d.csr");
  };
  const issue = (csrPem: string, changes: Partial<DeviceCertificateRequest> = {}) =>
    issueDeviceCertificate(issuing, {
      productKey: "a1B2c3D4",
      deviceName: "pump-7",
      csrPem,
      organization: "acme",
      validityDays: 30,
      nowMs,
      ...changes,
    });
  const refusal = async (csrPem: string): Promise<string> => {
    try {
      await issue(csrPem);
    } catch (error) {
      expect(error).toMatchObject({ code: "invalidArgument", details: { issues: [{ pointer: "/csrPem" }] } });
      return (error as Error).message;
    }
    return "issued";
  };

  beforeAll(async () => {
    bench = openWorkbench();
    root = await createRootAuthority({ name: { commonName: "Root" }, validityDays: 3650, nowMs });
    issuing = await createIssuingAuthority(root, { name: { commonName: "Issuing" }, validityDays: 365, nowMs });
    bench.write("root.pem", root.certificatePem);
    bench.write("issuing.pem", issuing.certificatePem);
    goodCsr = csrOf("-algorithm EC -pkeyopt ec_paramgen_curve:P-256");
  });
  afterAll(() => bench.close());

  test.each([
    ["EC P-256", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", []],
    ["EC P-384 with SHA-512", "-algorithm EC -pkeyopt ec_paramgen_curve:P-384", ["-sha512"]],
    ["RSA 2048", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", []],
    ["RSA 3072 with SHA-384", "-algorithm RSA -pkeyopt rsa_keygen_bits:3072", ["-sha384"]],
    ["Ed25519", "-algorithm ED25519", []],
  ])("a request with %s gets a client certificate for its key that openssl accepts", async (_name, genpkey, more) => {
    const csr = csrOf(genpkey, ...more);
    const issued = await issue(csr);
    bench.write("leaf.pem", issued.certificatePem);
    expect(bench.sh("verify -x509_strict -purpose sslclient -CAfile root.pem -untrusted issuing.pem leaf.pem")).toContain("OK");
    expect(() => bench.sh("verify -purpose sslserver -CAfile root.pem -untrusted issuing.pem leaf.pem")).toThrow();
    expect(new X509Certificate(issued.certificatePem).checkPrivateKey(createPrivateKey(bench.read("key.pem")))).toBe(true);
    expect(issued.chainPem).toBe(issued.certificatePem + issuing.certificatePem);
  });

  test("subject and extensions are the platform's; of the request only the key is taken", async () => {
    const csr = csrOf(
      "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
      "-addext",
      "basicConstraints=critical,CA:TRUE",
      "-addext",
      "subjectAltName=DNS:evil.example",
    );
    bench.write("leaf.pem", (await issue(csr, { deviceName: "a_b.c:d@e-f" })).certificatePem);
    const text = bench.sh("x509 -in leaf.pem -noout -text -nameopt RFC2253");
    expect(text).toContain("Subject: CN=a_b.c:d@e-f,OU=a1B2c3D4,O=acme");
    expect(text).toMatch(/Basic Constraints: critical\s+CA:FALSE/);
    expect(text).toMatch(/Key Usage: critical\s+Digital Signature\n/);
    expect(text).toMatch(/Extended Key Usage:\s+TLS Web Client Authentication\n/);
    expect(text).toMatch(/Subject Alternative Name:\s+URI:urn:mooring:device:a1B2c3D4\/a_b.c:d@e-f\n/);
    expect(text).not.toContain("evil");
    expect(text).not.toContain("somebody");
  });

  test("what was returned equals what a peer's certificate reads as, and what openssl prints", async () => {
    const issued = await issue(goodCsr);
    bench.write("leaf.pem", issued.certificatePem);
    expect(bench.sh("x509 -in leaf.pem -noout -serial")).toBe(`serial=${issued.serial.toUpperCase()}\n`);
    expect(bench.sh("x509 -in leaf.pem -noout -fingerprint -sha256").toLowerCase().replaceAll(":", "")).toContain(issued.fingerprintSha256);
    const { serial, fingerprintSha256 } = issued;
    expect(readIdentity(pemToDer(issued.certificatePem))).toMatchObject({
      ok: true,
      identity: { serial, fingerprintSha256, commonName: "pump-7" },
    });
    expect((await issue(goodCsr)).serial).not.toBe(serial);
  });

  test("validity is cut to the authority's end and begins five minutes back but not before the authority", async () => {
    const year = await issue(goodCsr, { validityDays: 3650, nowMs: nowMs + 3_600_000 });
    expect(year.notAfterMs).toBe(issuing.notAfterMs);
    expect(year.notBeforeMs).toBe(nowMs + 3_300_000);
    expect((await issue(goodCsr)).notBeforeMs).toBe(issuing.notBeforeMs);
    await expect(issue(goodCsr, { nowMs: issuing.notAfterMs })).rejects.toThrow(expect.objectContaining({ code: "failedPrecondition" }));
  });

  test.each([
    ["RSA 1024", "-algorithm RSA -pkeyopt rsa_keygen_bits:1024", [], "1024 bits"],
    ["RSA with exponent 3", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_keygen_pubexp:3", [], "exponent"],
    ["RSA-PSS key", "-algorithm RSA-PSS -pkeyopt rsa_keygen_bits:2048", [], "key type"],
    ["EC P-521", "-algorithm EC -pkeyopt ec_paramgen_curve:P-521", [], "key type"],
    ["EC P-224", "-algorithm EC -pkeyopt ec_paramgen_curve:P-224", [], "key type"],
    ["EC secp256k1", "-algorithm EC -pkeyopt ec_paramgen_curve:secp256k1", [], "key type"],
    ["explicit EC parameters", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit", [], "key type"],
    ["Ed448", "-algorithm ED448", [], "key type"],
    ["SHA-1 by RSA", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", ["-sha1"], "signature algorithm"],
    ["SHA-1 by EC", "-algorithm EC -pkeyopt ec_paramgen_curve:P-256", ["-sha1"], "signature algorithm"],
    ["MD5", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", ["-md5"], "signature algorithm"],
    ["RSA-PSS signature", "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", ["-sigopt", "rsa_padding_mode:pss"], "signature algorithm"],
  ])("a request with %s is refused and told why", async (_name, genpkey, more, why) => {
    expect(await refusal(csrOf(genpkey, ...more))).toContain(why);
  });

  test("a compressed EC point is refused [RFC 5480 §2.2]", async () => {
    bench.sh("ecparam -name prime256v1 -genkey -noout -conv_form compressed -out plain.pem");
    bench.sh("ec -in plain.pem -conv_form compressed -out key.pem");
    bench.sh("req -new -key key.pem -out d.csr -subj /CN=x");
    expect(await refusal(bench.read("d.csr"))).toContain("uncompressed");
  });

  test("a request whose signature does not verify is refused, for each kind of key", async () => {
    for (const genpkey of [
      "-algorithm EC -pkeyopt ec_paramgen_curve:P-256",
      "-algorithm RSA -pkeyopt rsa_keygen_bits:2048",
      "-algorithm ED25519",
    ]) {
      const der = Buffer.from(pemToDer(csrOf(genpkey)));
      // The subject is signed: another one makes the signature wrong and leaves the form right.
      der.write("nobodies", der.indexOf("somebody"), "latin1");
      bench.write("bad.der", der);
      expect(await refusal(bench.sh("req -inform DER -in bad.der -outform PEM"))).toContain("signature does not verify");
    }
  });

  test("several requests, a key in the same text, certificates and garbage are refused by name", async () => {
    expect(await refusal(goodCsr + goodCsr)).toContain("2 PEM blocks");
    expect(await refusal(goodCsr + bench.read("key.pem"))).toContain("private key");
    expect(await refusal(root.certificatePem)).toContain("must be a CERTIFICATE REQUEST");
    expect(await refusal("hello")).toContain("no PEM block");
    expect(await refusal("")).toContain("no PEM block");
    expect(await refusal(goodCsr.replace("-----END", "----END"))).toContain("damaged");
    expect(await refusal(goodCsr.slice(0, -60))).toContain("damaged");
    expect(await refusal(goodCsr.replace("\nMI", "\nM*I"))).toContain("damaged");
    expect(await refusal(`${goodCsr}${"x".repeat(16 * 1024)}`)).toContain("longer than 16384 bytes");
    const notRequest = "-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----\n";
    expect(await refusal(notRequest)).toContain("not a well-formed");
    expect(await refusal(undefined as unknown as string)).toContain("PEM text");
  });

  test("text around the block, CRLF and the old label are accepted [RFC 7468 §5.2, §7]", async () => {
    const old = goodCsr.replaceAll("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST").replaceAll("\n", "\r\n");
    expect((await issue(`Certificate Request:\n  Data:\n${old}`)).serial).toHaveLength(32);
  });

  test("every truncation and every flipped byte of a request is refused without anything but invalidArgument", async () => {
    const der = Buffer.from(pemToDer(goodCsr));
    const pem = (bytes: Buffer): string =>
      `-----BEGIN CERTIFICATE REQUEST-----\n${bytes.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    for (let i = 0; i < der.length; i++) {
      expect(await refusal(pem(der.subarray(0, i)))).not.toBe("issued");
      const flipped = Buffer.from(der);
      flipped[i] = (flipped[i] ?? 0) ^ 0x55;
      expect(await refusal(pem(flipped))).not.toBe("issued");
    }
    expect(await refusal(pem(Buffer.concat([der, Buffer.from([0])])))).toContain("not a well-formed");
  });

  const spelledOtherwise: readonly (readonly [string, (der: Buffer) => Buffer])[] = [
    ["a length in more octets than needed", (der) => Buffer.concat([Buffer.from([0x30, 0x83, 0]), der.subarray(2)])],
    ["an indefinite length", (der) => Buffer.concat([Buffer.from([0x30, 0x80]), der.subarray(4), Buffer.alloc(2)])],
    ["unused bits in its signature", withUnusedBits],
  ];
  test.each(spelledOtherwise)("a request in BER, with %s, is refused [X.690 §10.1, §11.2]", async (_name, change) => {
    const csr = csrOf("-algorithm RSA -pkeyopt rsa_keygen_bits:2048");
    const changed = change(Buffer.from(pemToDer(csr))).toString("base64");
    expect(await refusal(`-----BEGIN CERTIFICATE REQUEST-----\n${changed}\n-----END CERTIFICATE REQUEST-----\n`)).toContain(
      "not a well-formed",
    );
  });

  test("the issuer's name is copied octet by octet, whatever types of string it is of [RFC 5280 §4.1.2.4]", async () => {
    for (const mask of ["pkix", "nombstr", "utf8only", "default"]) {
      const request = ["[req]", `string_mask=${mask}`, "utf8=yes", "distinguished_name=dn", "prompt=no", "x509_extensions=ca"];
      const rest = ["[ca]", "basicConstraints=critical,CA:TRUE", "[dn]", "C=DE", "O=Bäckerei", "ST=tele*tex", "CN=old", ""];
      bench.write("names.cnf", [...request, ...rest].join("\n"));
      bench.sh("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout odd.key -out odd.pem -days 30 -config names.cnf");
      const odd = { certificatePem: bench.read("odd.pem"), privateKeyPem: bench.read("odd.key"), chainPem: "" };
      const device = { productKey: "a1B2c3D4", deviceName: "pump-7", organization: "acme", validityDays: 3, nowMs: Date.now() + 1000 };
      const issued = await issueDeviceCertificate(odd, { ...device, csrPem: goodCsr });
      const subject = Buffer.from(readCertificate(pemToDer(odd.certificatePem)).subject).toString("hex");
      expect(Buffer.from(readCertificate(pemToDer(issued.certificatePem)).issuer).toString("hex"), mask).toBe(subject);
    }
  });

  test.each([
    [{ productKey: "a/b" }, "/productKey"],
    [{ productKey: "" }, "/productKey"],
    [{ deviceName: "a b c d" }, "/deviceName"],
    [{ deviceName: "pump\0admin" }, "/deviceName"],
    [{ deviceName: "pump-7\n" }, "/deviceName"],
    [{ deviceName: "рump-7" }, "/deviceName"],
    [{ organization: "a\nb" }, "/organization"],
    [{ validityDays: 0 }, "/validityDays"],
  ])("%j is refused and named", async (changes, pointer) => {
    await expect(issue(goodCsr, changes)).rejects.toThrow(
      expect.objectContaining({ code: "invalidArgument", details: { issues: [expect.objectContaining({ pointer })] } }),
    );
  });
});

function withUnusedBits(request: Buffer): Buffer {
  const [info, algorithm, signature] = readChildren(readDer(request));
  const bits = der(derTag.bitString, Buffer.of(1), signature?.content.subarray(1) ?? request);
  return sequence(info?.raw ?? request, algorithm?.raw ?? request, bits);
}
