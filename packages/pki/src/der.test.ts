import { describe, expect, test } from "vitest";
import { DerError, der, derTag, oid, readChildren, readDer, readOid, readSmallInteger, readTime, time, unsignedInteger } from "./der.ts";

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(" ", ""), "hex");

describe("reading", () => {
  test.each([
    ["nothing", ""],
    ["a tag alone", "30"],
    ["an end before its length", "30 03 02 01"],
    ["an indefinite length", "30 80 00 00"],
    ["a length in more octets than needed", "30 81 01 00"],
    ["a long length that begins with zero", `30 82 00 80 ${"00".repeat(128)}`],
    ["a length of four octets", "30 84 01 00 00 00"],
    ["a tag of two octets", "3f 81 00 00"],
    ["bytes behind the element", "30 00 00"],
  ])("refuses %s [X.690 §10.1]", (_name, bytes) => {
    expect(() => readDer(hex(bytes))).toThrow(DerError);
  });

  test("refuses more than 1,024 children", () => {
    const many = (count: number): Uint8Array => der(derTag.sequence, Buffer.alloc(2 * count, "0500", "hex"));
    expect(readChildren(readDer(many(1024)))).toHaveLength(1024);
    expect(() => readChildren(readDer(many(1025)))).toThrow(DerError);
  });

  test.each(["0202 0001", "0202 ff80", "0200", "0205 0100000000", "0201 ff", "0301 00"])("%s is no small integer", (bytes) => {
    expect(() => readSmallInteger(readDer(hex(bytes)))).toThrow(DerError);
  });

  test.each(["0600", "0602 8001", "0601 80", `0641 ${"01".repeat(65)}`, "060a 2affffffffffffffff7f"])(
    "%s is no object identifier",
    (bytes) => {
      expect(() => readOid(readDer(hex(bytes)))).toThrow(DerError);
    },
  );

  test.each([
    "2602300000Z",
    "260230000000Z",
    "261301000000Z",
    "260101240000Z",
    "260101000060Z",
    "260101000000+0000",
    "260101000000",
    "2601010000Z",
    "",
  ])("UTCTime %j is no time", (text) => {
    expect(() => readTime(readDer(der(derTag.utcTime, Buffer.from(text))))).toThrow(DerError);
  });
});

test.each(["1.2.840.113549.1.1.11", "2.5.29.19", "2.999.3", "1.3.101.112", "0.9.2342.19200300.100.1.1"])(
  "object identifier %s comes back as it went in",
  (dotted) => {
    expect(readOid(readDer(oid(dotted)))).toBe(dotted);
  },
);

test("times come back as they went in, in UTCTime through 2049 and GeneralizedTime from 2050 [RFC 5280 §4.1.2.5]", () => {
  const times = [
    0,
    Date.UTC(1950, 0),
    Date.UTC(1999, 11, 31, 23, 59, 59),
    Date.UTC(2024, 1, 29),
    Date.UTC(2049, 11, 31, 23, 59, 59),
    Date.UTC(2050, 0),
    Date.UTC(9999, 11, 31),
  ];
  for (const at of times) expect(readTime(readDer(time(at)))).toBe(at);
  expect(time(Date.UTC(2049, 11, 31))[0]).toBe(derTag.utcTime);
  expect(time(Date.UTC(2050, 0))[0]).toBe(derTag.generalizedTime);
});

test.each([
  ["00", "020100"],
  ["", "020100"],
  ["7f", "02017f"],
  ["80", "02020080"],
  ["000080", "02020080"],
])("the magnitude %s is the integer %s", (magnitude, encoded) => {
  expect(unsignedInteger(hex(magnitude)).toString("hex")).toBe(encoded);
});
