// Hot: once per sign-on.
import { isIPv6 } from "node:net";

/**
 * Whose an address is, for counting: an IPv4 address by itself (also when mapped, `::ffff:192.0.2.1`), an IPv6 address by its first 64 bits, since who has one
 * has all of its /64 (RFC 4291 s2.5.4, RFC 6177).
 */
export function networkOf(address: string): string {
  if (!address.includes(":") || address.includes(".") || !isIPv6(address)) return address;
  const [head = "", tail] = address.split("%", 1).join("").split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...before, ...Array<string>(Math.max(0, 8 - before.length - after.length)).fill("0"), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":")}::/64`;
}
