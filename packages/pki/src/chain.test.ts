import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createIssuingAuthority, createRootAuthority } from "./authority.ts";
import { type ChainFault, createTrustAnchor, type TrustAnchor, verifyChain } from "./chain.ts";
import { issueDeviceCertificate } from "./issue.ts";
import { hasOpenssl, openWorkbench, pemToDer, type Workbench } from "./openssl.test-support.ts";

// After all that is made here has begun, however long making it takes.
const nowMs = Date.now() + 3_600_000;
const dayMs = 86_400_000;
const authority = [
  "basicConstraints=critical,CA:TRUE",
  "keyUsage=critical,keyCertSign,cRLSign",
  "subjectKeyIdentifier=hash",
  "authorityKeyIdentifier=keyid",
];
const client = [
  "basicConstraints=CA:FALSE",
  "keyUsage=critical,digitalSignature",
  "extendedKeyUsage=clientAuth",
  "authorityKeyIdentifier=keyid",
];
/** openssl adds key ids by itself unless told not to. */
const noIds = ["subjectKeyIdentifier=none", "authorityKeyIdentifier=none"];
const plainClient = [...client.slice(0, 3), ...noIds];
const ecKey = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256";

interface Making {
  readonly ext: readonly string[];
  /** File name of the issuer; itself when left out. */
  readonly by?: string;
  readonly subject?: string;
  readonly key?: string;
  readonly sign?: readonly string[];
}

/** One certificate to be judged: what is above it, what is trusted, and what must come out. */
interface Case {
  readonly leaf: Making;
  readonly above?: readonly string[];
  readonly anchors?: readonly string[];
  readonly atMs?: number;
}

describe.skipIf(!hasOpenssl)("verifyChain", () => {
  let bench: Workbench;

  const make = (name: string, { ext, by, subject, key, sign = [] }: Making): void => {
    bench.sh(`genpkey -out ${name}.key ${key ?? ecKey}`);
    bench.run("req", "-new", "-key", `${name}.key`, "-out", `${name}.csr`, "-subj", subject ?? `/CN=${name}`);
    bench.write(`${name}.ext`, ext.join("\n"));
    const signer = by === undefined ? ["-signkey", `${name}.key`] : ["-CA", `${by}.pem`, "-CAkey", `${by}.key`, "-CAcreateserial"];
    const extensions = ext.length === 0 ? [] : ["-extfile", `${name}.ext`];
    bench.run("x509", "-req", "-in", `${name}.csr`, "-out", `${name}.pem`, "-days", "30", ...signer, ...extensions, ...sign);
  };
  const anchor = (name: string): TrustAnchor => createTrustAnchor(bench.read(`${name}.pem`));
  const judge = ({ leaf, above = [], anchors = ["root"], atMs = nowMs }: Case) => {
    make("leaf", leaf);
    const intermediates = above.map((name) => bench.der(`${name}.pem`));
    return verifyChain(bench.der("leaf.pem"), intermediates, anchors.map(anchor), { nowMs: atMs, purpose: "client" });
  };

  beforeAll(() => {
    bench = openWorkbench();
    make("root", { ext: authority });
    make("wrong", { ext: authority });
    make("same", { ext: authority, subject: "/CN=root" });
    make("same-no-ids", { ext: [...authority.slice(0, 2), ...noIds], subject: "/CN=root" });
    make("mid", { ext: authority, by: "root" });
    make("low", { ext: authority, by: "mid" });
    make("flat", { ext: ["basicConstraints=critical,CA:TRUE,pathlen:0", ...authority.slice(1)] });
    make("below-flat", { ext: authority, by: "flat" });
    make("not-ca", { ext: ["basicConstraints=critical,CA:FALSE"], by: "root" });
    make("no-constraints", { ext: ["subjectKeyIdentifier=hash"], by: "root" });
    make("v1-mid", { ext: [], by: "root" });
    make("no-sign", { ext: [authority[0] ?? "", "keyUsage=critical,digitalSignature"], by: "root" });
    make("server-only", { ext: [...authority, "extendedKeyUsage=serverAuth"], by: "root" });
    make("odd-mid", { ext: [...authority, "nameConstraints=critical,permitted;DNS:example.org"], by: "root" });
    make("weak-mid", { ext: authority, by: "root", key: "-algorithm RSA -pkeyopt rsa_keygen_bits:1024" });
    make("sha1-mid", { ext: authority, by: "root", sign: ["-sha1"] });
    make("rsa", { ext: authority, key: "-algorithm RSA -pkeyopt rsa_keygen_bits:2048" });
  });
  afterAll(() => bench.close());

  const good: readonly [string, Case][] = [
    ["a leaf right below the anchor", { leaf: { ext: client, by: "root" } }],
    ["a leaf below one intermediate", { leaf: { ext: client, by: "mid" }, above: ["mid"] }],
    [
      "two intermediates in the wrong order, and one that is not needed",
      { leaf: { ext: client, by: "low" }, above: ["wrong", "mid", "low"] },
    ],
    ["an anchor that is not self-signed", { leaf: { ext: client, by: "low" }, anchors: ["low"] }],
    ["an anchor of path length 0 right above the leaf", { leaf: { ext: client, by: "flat" }, anchors: ["flat"] }],
    ["a version 1 leaf", { leaf: { ext: [], by: "root" } }],
    [
      "a critical extended key usage and alternative name",
      { leaf: { ext: ["extendedKeyUsage=critical,clientAuth", "subjectAltName=critical,URI:urn:x"], by: "root" } },
    ],
    ["an unknown extension that is not critical", { leaf: { ext: [...client, "1.2.3.4=ASN1:UTF8String:x"], by: "root" } }],
    ["RSA", { leaf: { ext: client, by: "rsa", key: "-algorithm RSA -pkeyopt rsa_keygen_bits:2048" }, anchors: ["rsa"] }],
    ["Ed25519", { leaf: { ext: client, by: "root", key: "-algorithm ED25519" } }],
  ];

  test.each(good)("accepts %s, as openssl does", (_name, given) => {
    const result = judge(given);
    expect(result).toMatchObject({ ok: true });
    if (!result.ok) return;
    expect(result.path.at(-1)?.fingerprintSha256).toBe(result.anchor.fields.fingerprintSha256);
    bench.write("untrusted.pem", (given.above ?? []).map((name) => bench.read(`${name}.pem`)).join(""));
    bench.write("anchors.pem", (given.anchors ?? ["root"]).map((name) => bench.read(`${name}.pem`)).join(""));
    const untrusted = given.above === undefined ? [] : ["-untrusted", "untrusted.pem"];
    expect(bench.run("verify", "-partial_chain", "-purpose", "sslclient", "-CAfile", "anchors.pem", ...untrusted, "leaf.pem")).toContain(
      "OK",
    );
  });

  const bad: readonly [string, ChainFault, Case][] = [
    ["a leaf that has ended", "expired", { leaf: { ext: client, by: "root" }, atMs: nowMs + 31 * dayMs }],
    ["a leaf that has not begun", "not-yet-valid", { leaf: { ext: client, by: "root" }, atMs: nowMs - dayMs }],
    ["another authority's leaf", "unknown-issuer", { leaf: { ext: client, by: "wrong" } }],
    ["no anchors", "unknown-issuer", { leaf: { ext: client, by: "root" }, anchors: [] }],
    ["an intermediate that was not sent", "unknown-issuer", { leaf: { ext: client, by: "mid" } }],
    ["an anchor that only the peer sent", "unknown-issuer", { leaf: { ext: client, by: "wrong" }, above: ["wrong"] }],
    ["a self-signed leaf", "unknown-issuer", { leaf: { ext: plainClient } }],
    ["an authority of the same name and another key id", "unknown-issuer", { leaf: { ext: client, by: "same" } }],
    ["an authority of the same name without key ids", "bad-signature", { leaf: { ext: plainClient, by: "same-no-ids" } }],
    ["extended key usage for servers only", "wrong-purpose", { leaf: { ext: ["extendedKeyUsage=serverAuth"], by: "root" } }],
    [
      "any extended key usage, which names no client [RFC 5280 §4.2.1.12]",
      "wrong-purpose",
      { leaf: { ext: ["extendedKeyUsage=anyExtendedKeyUsage"], by: "root" } },
    ],
    ["key usage without signatures", "wrong-key-usage", { leaf: { ext: ["keyUsage=critical,keyEncipherment"], by: "root" } }],
    [
      "an unknown critical extension",
      "unknown-critical-extension",
      { leaf: { ext: [...client, "1.2.3.4=critical,ASN1:UTF8String:x"], by: "root" } },
    ],
    ["a leaf that is an authority", "leaf-is-authority", { leaf: { ext: authority, by: "root" } }],
    ["an RSA key of 1024 bits", "weak-key", { leaf: { ext: client, by: "root", key: "-algorithm RSA -pkeyopt rsa_keygen_bits:1024" } }],
    ["explicit curve parameters", "weak-key", { leaf: { ext: client, by: "root", key: `${ecKey} -pkeyopt ec_param_enc:explicit` } }],
    ["a leaf signed with SHA-1", "weak-signature", { leaf: { ext: client, by: "rsa", sign: ["-sha1"] }, anchors: ["rsa"] }],
    ["a leaf signed with MD5", "weak-signature", { leaf: { ext: client, by: "rsa", sign: ["-md5"] }, anchors: ["rsa"] }],
    ["an intermediate signed with SHA-1", "weak-signature", { leaf: { ext: client, by: "sha1-mid" }, above: ["sha1-mid"] }],
    ["an intermediate that says CA:FALSE", "issuer-not-authority", { leaf: { ext: plainClient, by: "not-ca" }, above: ["not-ca"] }],
    [
      "an intermediate without basic constraints",
      "issuer-not-authority",
      { leaf: { ext: client, by: "no-constraints" }, above: ["no-constraints"] },
    ],
    ["a version 1 intermediate", "issuer-not-authority", { leaf: { ext: plainClient, by: "v1-mid" }, above: ["v1-mid"] }],
    [
      "an intermediate whose key may not sign certificates",
      "issuer-may-not-sign",
      { leaf: { ext: plainClient, by: "no-sign" }, above: ["no-sign"] },
    ],
    ["an intermediate for servers only", "wrong-purpose", { leaf: { ext: client, by: "server-only" }, above: ["server-only"] }],
    [
      "an intermediate with name constraints",
      "issuer-unknown-critical-extension",
      { leaf: { ext: client, by: "odd-mid" }, above: ["odd-mid"] },
    ],
    ["an intermediate with a weak key", "issuer-weak-key", { leaf: { ext: client, by: "weak-mid" }, above: ["weak-mid"] }],
    [
      "an authority below one of path length 0",
      "path-too-long",
      { leaf: { ext: client, by: "below-flat" }, above: ["below-flat"], anchors: ["flat"] },
    ],
    ["nine intermediates", "too-many-intermediates", { leaf: { ext: client, by: "root" }, above: new Array<string>(9).fill("mid") }],
  ];

  test.each(bad)("refuses %s: %s", (_name, reason, given) => {
    expect(judge(given)).toEqual({ ok: false, reason });
  });

  test("refuses an issuer that has ended or not begun though the leaf is valid [RFC 5280 §6.1.3 (a)(2)]", async () => {
    bench.sh("genpkey -algorithm ED25519 -out d.key");
    bench.sh("req -new -key d.key -subj /CN=x -out d.csr");
    const device = {
      productKey: "a1B2c3",
      deviceName: "pump-7",
      csrPem: bench.read("d.csr"),
      organization: "acme",
      validityDays: 300,
      nowMs,
    };
    const root = await createRootAuthority({ name: { commonName: "R" }, validityDays: 900, nowMs });
    const short = await createIssuingAuthority(root, { name: { commonName: "I" }, validityDays: 1, nowMs });
    // The same authority, certified again for other times: the leaf outlives the certificate it is shown with.
    const resign = (notBefore: string, notAfter: string): Uint8Array => {
      bench.write("r.pem", root.certificatePem);
      bench.write("r.key", root.privateKeyPem);
      bench.write("i.key", short.privateKeyPem);
      bench.write(
        "ca.conf",
        [
          "[ca]",
          "database=index.txt",
          "new_certs_dir=.",
          "default_md=sha256",
          "rand_serial=yes",
          "policy=p",
          "x509_extensions=e",
          "[p]",
          "commonName=supplied",
          "[e]",
          ...authority,
        ].join("\n"),
      );
      bench.write("index.txt", "");
      bench.sh("req -new -key i.key -subj /CN=I -out i.csr");
      bench.sh(
        `ca -batch -notext -config ca.conf -name ca -cert r.pem -keyfile r.key -in i.csr -out i.pem -startdate ${notBefore} -enddate ${notAfter}`,
      );
      return bench.der("i.pem");
    };
    const stamp = (ms: number): string => `${new Date(ms).toISOString().replaceAll(/[-:T]/g, "").slice(0, 14)}Z`;
    const long = { ...short, certificatePem: "" };
    const window = (fromDays: number, toDays: number): Uint8Array => resign(stamp(nowMs + fromDays * dayMs), stamp(nowMs + toDays * dayMs));
    const wide = window(-10, 400);
    long.certificatePem = bench.read("i.pem");
    const leaf = pemToDer((await issueDeviceCertificate(long, device)).certificatePem);
    const check = (issuer: Uint8Array) =>
      verifyChain(leaf, [issuer], [createTrustAnchor(root.certificatePem)], { nowMs: nowMs + 5 * dayMs, purpose: "client" });
    expect(check(wide)).toMatchObject({ ok: true });
    expect(check(window(-10, 4))).toEqual({ ok: false, reason: "issuer-expired" });
    expect(check(window(6, 100))).toEqual({ ok: false, reason: "issuer-not-yet-valid" });
  });

  test("every truncation and flipped byte of a leaf is refused and nothing is thrown", () => {
    make("leaf", { ext: client, by: "root" });
    const der = Buffer.from(bench.der("leaf.pem"));
    const anchors = [anchor("root")];
    const check = (bytes: Uint8Array) => verifyChain(bytes, [], anchors, { nowMs, purpose: "client" });
    expect(check(der)).toMatchObject({ ok: true });
    for (let i = 0; i < der.length; i++) {
      expect(check(der.subarray(0, i))).toEqual({ ok: false, reason: "malformed" });
      const flipped = Buffer.from(der);
      flipped[i] = (flipped[i] ?? 0) ^ 0x01;
      expect(check(flipped)).toMatchObject({ ok: false });
    }
    expect(check(Buffer.concat([der, Buffer.from([0])]))).toEqual({ ok: false, reason: "malformed" });
    expect(verifyChain(der, [Buffer.from("junk")], anchors, { nowMs, purpose: "client" })).toEqual({ ok: false, reason: "malformed" });
  });

  test("among anchors of one name the one whose key signed is found, whatever their order", () => {
    const leaf = { ext: plainClient, by: "root" };
    for (const anchors of [
      ["same-no-ids", "root"],
      ["root", "same-no-ids"],
    ])
      expect(judge({ leaf, anchors })).toMatchObject({ ok: true });
  });

  test("many authorities of one name do not cost more than 32 signature checks", () => {
    make("leaf", { ext: plainClient, by: "root" });
    const crowd = new Array<TrustAnchor>(40).fill(anchor("same-no-ids"));
    expect(verifyChain(bench.der("leaf.pem"), [], [...crowd, anchor("root")], { nowMs, purpose: "client" })).toEqual({
      ok: false,
      reason: "too-many-candidates",
    });
  });

  test.each(["not-ca", "v1-mid", "no-sign", "weak-mid", "server-only"])("%s cannot be made an anchor", (name) => {
    expect(() => anchor(name)).toThrow(expect.objectContaining({ code: "invalidArgument" }));
  });

  test("the path names each authority's key, so that issuer and serial can be looked up", () => {
    const result = judge({ leaf: { ext: client, by: "low" }, above: ["low", "mid"] });
    expect(result.ok && result.path.map((step) => step.fingerprintSha256)).toEqual(["low", "mid", "root"].map((name) => anchorless(name)));
  });

  const anchorless = (name: string): string =>
    bench.run("x509", "-in", `${name}.pem`, "-noout", "-fingerprint", "-sha256").split("=")[1]?.trim().replaceAll(":", "").toLowerCase() ??
    "";
});
