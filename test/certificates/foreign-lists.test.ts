import { readFetchedList, readListPlaces, readRevocationList } from "@mooring/pki";
import { extensionOf, extensions, makeAuthority, makeCertificate, makeRevocationList, tlv } from "@mooring/testkit";
import { describe, expect, test } from "vitest";

const authority = makeAuthority("Factory CA");
const derOf = (pem: string): Buffer => Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
const numbered = (octets: readonly number[]) =>
  makeRevocationList(authority, { serials: ["01"], extensions: [extensionOf("551d14", tlv(0x02, Buffer.from(octets)))] });

describe("a list of another authority", () => {
  test("is the same in PEM and DER, and as a place on the web gives it, in either", () => {
    const pem = makeRevocationList(authority, { serials: ["8001"], number: 7 });
    const read = readRevocationList(pem, authority.pem);
    expect(read).toMatchObject({ number: 7n, entries: [{ serial: "8001" }], digestSha256: expect.stringMatching(/^[0-9a-f]{64}$/) });
    for (const bytes of [derOf(pem), Buffer.from(pem), Buffer.from(`\n${pem}`)])
      expect(readFetchedList(bytes, authority.pem, "/list")).toEqual(read);
  });

  test("has a number of up to 20 octets, not negative, or none [RFC 5280 §5.2.3]", () => {
    expect(readRevocationList(makeRevocationList(authority, { serials: [] }), authority.pem).number).toBeUndefined();
    expect(readRevocationList(numbered([0x7f, ...new Array<number>(19).fill(0xff)]), authority.pem).number).toBe(2n ** 159n - 1n);
    for (const octets of [[0x80], [0x01, ...new Array<number>(20).fill(0)]])
      expect(() => readRevocationList(numbered(octets), authority.pem)).toThrow(expect.objectContaining({ code: "invalidArgument" }));
  });
});

describe("where a certificate says that lists are", () => {
  const place = (...parts: readonly Buffer[]): Buffer => extensionOf("551d1f", tlv(0x30, tlv(0x30, ...parts)));
  const uri = (text: string): Buffer => tlv(0x86, Buffer.from(text));
  const full = (...names: readonly Buffer[]): Buffer => tlv(0xa0, tlv(0xa0, ...names));
  const read = (...more: readonly Buffer[]) =>
    readListPlaces(makeCertificate({ commonNames: ["dev-1"], extensions: [extensions.leaf(), ...more] }).der);

  test("http and https places are read in order", () => {
    expect(read(extensions.listPlace("http://x.test/a.crl"))).toEqual(["http://x.test/a.crl"]);
    const names = ["ldap://x.test/cn=a", "https://x.test/b", "HTTP://x.test/c"].map(uri);
    expect(read(place(full(...names)))).toEqual(["https://x.test/b", "HTTP://x.test/c"]);
  });

  test("a place for some reasons only, of another signer, or that cannot be read is none [RFC 5280 §4.2.1.13]", () => {
    const good = full(uri("http://x.test/a"));
    const reasons = tlv(0x81, Buffer.of(6, 0x40));
    const signer = tlv(0xa2, tlv(0xa4, authority.name));
    for (const odd of [place(good, reasons), place(good, signer), place(reasons), extensionOf("551d1f", Buffer.of(5, 0))])
      expect(read(odd)).toEqual([]);
    expect(read(place(full(uri(`http://x.test/${"a".repeat(2_100)}`))))).toEqual([]);
    expect(read()).toEqual([]);
    expect(readListPlaces(Buffer.of(1, 2, 3))).toEqual([]);
  });
});
