import { createHmac, generateKeyPairSync, sign } from "node:crypto";
import { describe, expect, test } from "vitest";
import { algorithmOf, faultOf, isSignedBy, parseJwt, subjectOf } from "./jwt.ts";

const nowMs = Date.UTC(2026, 0, 1);
const nowS = nowMs / 1_000;
const productKey = "a1b2c3";
const tenantId = "00000000-0000-4000-8000-000000000001";
const good = { sub: `dev-1&${productKey}`, aud: productKey, exp: nowS + 600 };
const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString("base64url");

function tokenOf(claims: object, header: object = { alg: "EdDSA" }, signature = Buffer.alloc(64).toString("base64url")) {
  return parseJwt(`${encode(header)}.${encode(claims)}.${signature}`);
}

function judge(claims: object): string | undefined {
  const jwt = tokenOf(claims);
  return jwt === undefined ? "none" : faultOf(jwt, { productKey, tenantId }, nowMs);
}

describe("what a token must say (RFC 7519)", () => {
  test.each([
    ["as it should be", good, undefined],
    ["for the tenant", { ...good, aud: tenantId }, undefined],
    ["a day long", { ...good, exp: nowS + 86_400 }, undefined],
    ["over, within the skew of 60 s", { ...good, exp: nowS - 59 }, undefined],
    ["over", { ...good, exp: nowS - 60 }, "expired"],
    ["without an end", { ...good, exp: undefined }, "no-expiry"],
    ["with an end that is text", { ...good, exp: `${nowS + 600}` }, "no-expiry"],
    ["longer than a day", { ...good, exp: nowS + 86_461 }, "too-long"],
    ["made yesterday and good until tomorrow", { ...good, iat: nowS - 43_200, exp: nowS + 43_300 }, "too-long"],
    ["made next year for a minute", { ...good, iat: nowS + 31_536_000, exp: nowS + 31_536_060 }, "not-yet-valid"],
    ["made in a minute", { ...good, iat: nowS + 60 }, undefined],
    ["not before later", { ...good, nbf: nowS + 61 }, "not-yet-valid"],
    ["made at a time that is none", { ...good, iat: "now" }, "malformed"],
    ["for another product", { ...good, aud: "other" }, "wrong-audience"],
    ["for nobody", { ...good, aud: undefined }, "wrong-audience"],
    ["for several", { ...good, aud: [productKey, "other"] }, "wrong-audience"],
  ])("%s", (_what, claims, fault) => {
    expect(judge(claims)).toBe(fault);
  });

  test.each([
    ["device and product", { sub: "dev-1&a1b2c3", aud: "x" }, { productKey, deviceName: "dev-1" }],
    ["the device alone, of its audience", { sub: "dev-1", aud: productKey }, { productKey, deviceName: "dev-1" }],
    ["the device alone, of no product", { sub: "dev-1", aud: tenantId }, undefined],
    ["nobody", { aud: productKey }, undefined],
    ["a device that no topic can name", { sub: "dev/1&a1b2c3" }, undefined],
    ["an object", { sub: { a: 1 }, aud: productKey }, undefined],
  ])("its subject is %s", (_what, claims, device) => {
    const jwt = tokenOf(claims);
    expect(jwt && subjectOf(jwt)).toEqual(device);
  });

  test.each([
    ["", "nothing"],
    ["a.b", "two parts"],
    [`${encode({ alg: "EdDSA" })}.${encode(good)}.`, "no signature"],
    [`${encode([])}.${encode(good)}.AAAA`, "a header that is a list"],
    [`${encode({ alg: "EdDSA" })}.${encode(null)}.AAAA`, "claims that are null"],
    [`${encode({ alg: "EdDSA" })}.e30=.AAAA`, "padding"],
    [`${encode({ alg: "EdDSA", crit: ["exp"], exp: 1 })}.${encode(good)}.AAAA`, "a header with crit (RFC 7515 §4.1.11)"],
    [`${encode({ alg: "EdDSA" })}.${encode({ ...good, x: "y".repeat(4_096) })}.AAAA`, "4 KiB and more"],
    [42, "a number"],
  ])("%s is no token", (text, _what) => {
    expect(parseJwt(text)).toBeUndefined();
  });
});

describe("by whom a token was signed", () => {
  const ed = generateKeyPairSync("ed25519");
  const ec = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const pem = (key: typeof ed.publicKey): string => key.export({ type: "spki", format: "pem" }) as string;
  const edKey = { algorithm: "EdDSA", pem: pem(ed.publicKey) };
  const ecKey = { algorithm: "ES256", pem: pem(ec.publicKey) };
  const signedBy = (header: object, make: (signed: Buffer) => Buffer) => {
    const signed = `${encode(header)}.${encode(good)}`;
    const jwt = parseJwt(`${signed}.${make(Buffer.from(signed)).toString("base64url")}`);
    if (jwt === undefined) throw new Error("the test's token is none");
    return jwt;
  };
  const byEd = (signed: Buffer): Buffer => sign(null, signed, ed.privateKey);
  const byEc = (signed: Buffer): Buffer => sign("sha256", signed, { key: ec.privateKey, dsaEncoding: "ieee-p1363" });

  test("each algorithm by its key, and by no other", () => {
    expect(isSignedBy(signedBy({ alg: "EdDSA" }, byEd), edKey)).toBe(true);
    expect(isSignedBy(signedBy({ alg: "ES256" }, byEc), ecKey)).toBe(true);
    expect(isSignedBy(signedBy({ alg: "ES256" }, byEd), ecKey)).toBe(false);
    expect(isSignedBy(signedBy({ alg: "EdDSA" }, byEc), edKey)).toBe(false);
  });

  test.each(["none", "None", "HS256", "ES256", "eddsa", undefined, ["EdDSA"]])(
    "alg %j does not choose how an Ed25519 key is used (RFC 8725 §3.1)",
    (alg) => {
      expect(isSignedBy(signedBy({ alg }, byEd), edKey)).toBe(false);
      // The public key as the secret of an HMAC, and no signature at all.
      const byHmac = (signed: Buffer): Buffer => createHmac("sha512", edKey.pem).update(signed).digest();
      expect(isSignedBy(signedBy({ alg }, byHmac), edKey)).toBe(false);
      expect(
        isSignedBy(
          signedBy({ alg }, () => Buffer.alloc(1)),
          edKey,
        ),
      ).toBe(false);
    },
  );

  test("an ES256 signature in DER, and one of zeros (CVE-2022-21449), are none", () => {
    const inDer = signedBy({ alg: "ES256" }, (signed) => sign("sha256", signed, ec.privateKey));
    expect(isSignedBy(inDer, ecKey)).toBe(false);
    expect(
      isSignedBy(
        signedBy({ alg: "ES256" }, () => Buffer.alloc(64)),
        ecKey,
      ),
    ).toBe(false);
  });

  test("which algorithm a key is for", () => {
    expect([algorithmOf(edKey.pem), algorithmOf(ecKey.pem)]).toEqual(["EdDSA", "ES256"]);
    expect(algorithmOf(pem(generateKeyPairSync("ec", { namedCurve: "secp384r1" }).publicKey))).toBeUndefined();
    expect(algorithmOf(pem(generateKeyPairSync("rsa", { modulusLength: 2_048 }).publicKey))).toBeUndefined();
  });
});
