// Serial numbers. One spelling everywhere, because they are compared as text: lowercase hex of the number, two digits per octet,
// without the sign octet DER puts before a high bit. It is what `openssl x509 -serial` and Node print, in lowercase.
import { randomBytes } from "node:crypto";
import { invalidField } from "@mooring/contracts";

/** RFC 5280 §4.1.2.2: conforming serial numbers have at most 20 octets. */
export const serialOctetsMax = 20;

/** 126 random bits in 16 octets. The two top bits are 01, so that the number is positive and its hex always has 32 digits. */
export function createSerial(): string {
  const octets = randomBytes(16);
  octets[0] = ((octets[0] ?? 0) & 0x3f) | 0x40;
  return octets.toString("hex");
}

/** Any usual spelling (upper case, colons, leading zeros, odd length) in the canonical one. Throws invalidArgument at `pointer`. */
export function parseSerial(text: string, pointer = "/serial"): string {
  const digits = typeof text === "string" && text.length <= 128 ? text.toLowerCase().replaceAll(":", "") : "";
  if (!/^[0-9a-f]+$/.test(digits)) throw invalidField(pointer, "must be a hexadecimal serial number");
  const trimmed = digits.replace(/^0+(?=.)/, "");
  const even = trimmed.length % 2 === 0 ? trimmed : `0${trimmed}`;
  if (even.length > 2 * serialOctetsMax) throw invalidField(pointer, `has more than ${serialOctetsMax} octets`);
  return even;
}
