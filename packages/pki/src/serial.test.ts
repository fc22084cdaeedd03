import { expect, test } from "vitest";
import { createSerial, parseSerial } from "./serial.ts";

test("a serial is 16 octets, positive without a sign octet, and not repeated [RFC 5280 §4.1.2.2]", () => {
  const serials = Array.from({ length: 1000 }, createSerial);
  for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
  expect(new Set(serials).size).toBe(1000);
});

test.each([
  ["0A:FF", "0aff"],
  ["aff", "0aff"],
  ["000aff", "0aff"],
  ["00", "00"],
  ["0", "00"],
  ["00ff", "ff"],
])("%s is spelled %s", (text, serial) => {
  expect(parseSerial(text)).toBe(serial);
});

test.each(["", "0x12", "-1", "12 34", "g", "f".repeat(41), "0".repeat(129)])("%j is refused", (text) => {
  expect(() => parseSerial(text)).toThrow(expect.objectContaining({ code: "invalidArgument" }));
});
