import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { bitString, der, derTag, octetString, oid, readChildren, readDer, sequence, time, unsignedInteger } from "./der.ts";
import { keyIdExtensions } from "./extension-writers.ts";
import { readIdentity } from "./identity.ts";
import { algorithmIdentifier, signatureAlgorithmOf, signWith } from "./keys.ts";
import { parseSerial } from "./serial.ts";

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const publicKeyInfo = publicKey.export({ type: "spki", format: "der" });
const commonName = "2.5.4.3";
const attribute = (type: string, value: Buffer): Buffer => sequence(oid(type), value);
const relative = (...attributes: Buffer[]): Buffer => der(derTag.set, ...attributes);
const cn = (value: Buffer): Buffer => relative(attribute(commonName, value));

const utf8String = (text: string): Buffer => der(derTag.utf8String, Buffer.from(text, "utf8"));
const keyIds = keyIdExtensions("bb".repeat(20), "aa".repeat(20)).map(({ rawData }) => Buffer.from(rawData));

/** A certificate with any subject and extensions at all, which no tool would make. */
function certificateOf(subject: Buffer, extensions: readonly Buffer[]): Uint8Array {
  const algorithm = signatureAlgorithmOf("ec-p256");
  const tbs = sequence(
    der(0xa0, unsignedInteger(Buffer.of(2))),
    unsignedInteger(Buffer.of(0x41)),
    algorithmIdentifier(algorithm),
    sequence(),
    sequence(time(0), time(1e12)),
    subject,
    publicKeyInfo,
    der(0xa3, sequence(...extensions)),
  );
  return sequence(tbs, algorithmIdentifier(algorithm), bitString(signWith(algorithm, privateKey, tbs)));
}

const certificateFor = (...subject: Buffer[]): Uint8Array => certificateOf(sequence(...subject), keyIds);
const named = (text: string): Uint8Array => certificateFor(cn(utf8String(text)));

test("one plain common name is given back, from DER and from a peer's X509Certificate alike", () => {
  const bytes = named("pump-7:a.b_c@D");
  const result = readIdentity(bytes);
  expect(result).toMatchObject({ ok: true, identity: { commonName: "pump-7:a.b_c@D", authorityKeyId: "aa".repeat(20) } });
  expect(readIdentity(new X509Certificate(bytes))).toEqual(result);
});

test("no common name is an identity without one", () => {
  const result = readIdentity(certificateFor());
  expect(result.ok && "commonName" in result.identity).toBe(false);
  expect(readIdentity(certificateFor(relative(attribute("2.5.4.10", utf8String("two words")))))).toMatchObject({ ok: true });
});

test("serial and fingerprint are Node's, in lowercase", () => {
  const bytes = named("x");
  const node = new X509Certificate(bytes);
  const [serial, fingerprintSha256] = [node.serialNumber.toLowerCase(), node.fingerprint256.replaceAll(":", "").toLowerCase()];
  expect(readIdentity(bytes)).toMatchObject({ identity: { serial, fingerprintSha256 } });
});

test("a serial with the high bit set, a short one and zero keep their one spelling", () => {
  for (const [octets, serial] of [
    ["00ff01", "ff01"],
    ["05", "05"],
    ["00", "00"],
    ["0080", "80"],
  ] as const) {
    expect(readIdentity(withSerial(octets))).toMatchObject({ ok: true, identity: { serial } });
    expect(parseSerial(new X509Certificate(withSerial(octets)).serialNumber)).toBe(serial);
  }
});

test.each(["ff", "80", "0005", `7f${"00".repeat(20)}`, ""])(
  "a serial that is negative, not minimal or over 20 octets is malformed: %s [RFC 5280 §4.1.2.2]",
  (octets) => {
    expect(readIdentity(withSerial(octets))).toEqual({ ok: false, reason: "malformed" });
  },
);

/** The same certificate around another serial; its signature is wrong then, which identities do not look at. */
function withSerial(octets: string): Uint8Array {
  const [tbs, ...rest] = readChildren(readDer(named("x"))).map(({ raw }) => raw);
  const parts = readChildren(readDer(tbs ?? new Uint8Array())).map(({ raw }) => raw);
  parts[1] = der(derTag.integer, Buffer.from(octets, "hex"));
  return sequence(sequence(...parts), ...rest);
}

const utf16 = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();

test.each([
  ["two names", certificateFor(cn(utf8String("a")), cn(utf8String("b"))), "several-common-names"],
  ["one name twice", certificateFor(cn(utf8String("a")), cn(utf8String("a"))), "several-common-names"],
  [
    "two names in one set",
    certificateFor(relative(attribute(commonName, utf8String("a")), attribute(commonName, utf8String("b")))),
    "several-common-names",
  ],
  ["NUL inside", named("pump\0.evil"), "odd-common-name"],
  ["newline inside", named("pump\nCN=admin"), "odd-common-name"],
  ["newline at the end", named("pump\n"), "odd-common-name"],
  ["space", named("pump 7"), "odd-common-name"],
  ["wildcard", named("*"), "odd-common-name"],
  ["topic wildcard", named("a/+/#"), "odd-common-name"],
  ["path", named("../x"), "odd-common-name"],
  ["Cyrillic homoglyph", named("рump-7"), "odd-common-name"],
  ["full-width homoglyph", named("ｐump-7"), "odd-common-name"],
  ["right-to-left mark", named("pump\u202e7"), "odd-common-name"],
  ["zero-width joiner", named("pump\u200d7"), "odd-common-name"],
  ["combining accent", named("pumpe\u0301"), "odd-common-name"],
  ["nothing", named(""), "odd-common-name"],
  ["65 characters", named("x".repeat(65)), "odd-common-name"],
  ["broken UTF-8", certificateFor(cn(der(derTag.utf8String, Buffer.from("c080", "hex")))), "odd-common-name"],
  ["plain letters whose high bit is set", certificateFor(cn(der(derTag.utf8String, Buffer.from("f0f5edf0", "hex")))), "odd-common-name"],
  ["BMPString", certificateFor(cn(der(0x1e, utf16("pump")))), "odd-common-name"],
  ["T61String", certificateFor(cn(der(0x14, Buffer.from("pump")))), "odd-common-name"],
  ["OCTET STRING", certificateFor(cn(der(0x04, Buffer.from("pump")))), "odd-common-name"],
  ["a subject that is no list of sets", certificateFor(utf8String("pump")), "malformed"],
  ["a subject attribute without a value", certificateFor(relative(sequence())), "malformed"],
])("refuses a common name with %s", (_name, bytes, reason) => {
  expect(readIdentity(bytes)).toEqual({ ok: false, reason });
});

test("an extension given twice and two different signature algorithms are malformed [RFC 5280 §4.2, §4.1.1.2]", () => {
  const [authority, leaf] = [sequence(Buffer.of(1, 1, 0xff)), sequence()];
  const twice = [leaf, authority].map((value) => sequence(oid("2.5.29.19"), octetString(value)));
  const bytes = (extensions: readonly Buffer[]): Uint8Array => certificateOf(sequence(), extensions);
  expect(readIdentity(bytes(twice.slice(0, 1)))).toMatchObject({ ok: true });
  expect(readIdentity(bytes(twice))).toEqual({ ok: false, reason: "malformed" });
  const [tbs, , signature] = readChildren(readDer(named("x"))).map(({ raw }) => raw);
  const other = sequence(tbs ?? der(0), algorithmIdentifier("1.2.840.10045.4.3.3"), signature ?? der(0));
  expect(readIdentity(other)).toEqual({ ok: false, reason: "malformed" });
});

test("no certificate is a refusal, not an empty identity", () => {
  for (const none of [undefined, new Uint8Array(), {} as Uint8Array, null as unknown as Uint8Array, "pem" as unknown as Uint8Array]) {
    expect(readIdentity(none)).toEqual({ ok: false, reason: "no-certificate" });
  }
});

test("16 KB is the limit", () => {
  expect(readIdentity(new Uint8Array(16 * 1024 + 1))).toEqual({ ok: false, reason: "too-large" });
  expect(readIdentity(new Uint8Array(16 * 1024))).toEqual({ ok: false, reason: "malformed" });
});

test("bytes cut short, prolonged, flipped or nested never throw, and never read as another whole certificate", () => {
  const bytes = Buffer.from(named("pump-7"));
  for (let i = 0; i < bytes.length; i++) {
    expect(readIdentity(bytes.subarray(0, i)).ok).toBe(false);
    for (const flip of [0x01, 0x80, 0xff]) {
      const flipped = Buffer.from(bytes);
      flipped[i] = (flipped[i] ?? 0) ^ flip;
      expect(readIdentity(flipped)).toHaveProperty("ok");
    }
  }
  expect(readIdentity(Buffer.concat([bytes, bytes]))).toEqual({ ok: false, reason: "malformed" });
  let nest: Buffer = Buffer.alloc(0);
  for (let i = 0; i < 3000; i++) nest = sequence(nest);
  expect(readIdentity(nest)).toEqual({ ok: false, reason: "malformed" });
});
