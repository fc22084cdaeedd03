import { describe, expect, test } from "vitest";
import { loadSettings, SettingError } from "../settings.ts";
import { createAddressRules } from "./networks.ts";
import { outgoingSettings, readAddressRules } from "./settings.ts";

const ports = [443];
const refused: readonly [what: string, address: string][] = [
  ["loopback", "127.0.0.1"],
  ["all of loopback", "127.255.255.254"],
  ["loopback of IPv6", "::1"],
  ["this host", "0.0.0.0"],
  ["the unspecified address of IPv6", "::"],
  ["private 10/8", "10.0.0.1"],
  ["private 172.16/12, its end", "172.31.255.255"],
  ["private 192.168/16", "192.168.1.1"],
  ["shared addresses of carriers (CGNAT)", "100.64.0.1"],
  ["the end of CGNAT", "100.127.255.255"],
  ["link-local", "169.254.1.1"],
  ["the metadata of clouds", "169.254.169.254"],
  ["the metadata of AWS over IPv6", "fd00:ec2::254"],
  ["multicast", "224.0.0.1"],
  ["multicast of IPv6", "ff02::1"],
  ["broadcast", "255.255.255.255"],
  ["benchmark networks", "198.18.0.1"],
  ["documentation", "203.0.113.5"],
  ["link-local of IPv6", "fe80::1"],
  ["an address with a zone", "fe80::1%eth0"],
  ["site-local of IPv6", "fec0::1"],
  ["unique local", "fc00::1"],
  ["IPv4-mapped loopback", "::ffff:127.0.0.1"],
  ["IPv4-mapped loopback in hextets", "::ffff:7f00:1"],
  ["IPv4-mapped, written out", "0:0:0:0:0:ffff:a9fe:a9fe"],
  ["IPv4-compatible loopback", "::127.0.0.1"],
  ["NAT64 to a private address", "64:ff9b::a00:1"],
  ["6to4 of a private address", "2002:a00:1::1"],
  ["Teredo", "2001::1"],
  ["documentation of IPv6", "2001:db8::1"],
  ["what is no address", "localhost"],
  ["nothing", ""],
];
const allowed = [
  "1.1.1.1",
  "8.8.8.8",
  "100.63.255.255",
  "100.128.0.1",
  "172.15.255.255",
  "172.32.0.1",
  "223.255.255.255",
  "2606:4700::1111",
  "::ffff:8.8.8.8",
];

describe("without networks of the operator", () => {
  const rules = createAddressRules([], ports);
  test.each(refused)("%s (%s) cannot be reached", (_, address) => {
    expect(rules.refusal(address, 443, true)).toMatch(/not public|not understood/);
  });
  test.each(allowed)("%s can be reached", (address) => {
    expect(rules.refusal(address, 443, true)).toBeUndefined();
  });
  test("other ports, and plain http, cannot", () => {
    expect(rules.refusal("1.1.1.1", 6_379, true)).toBe("port 6379 is not allowed");
    expect(rules.refusal("1.1.1.1", 443, false)).toBe("plain http is not allowed to public addresses");
  });
});

test("a network that the operator allows can be reached, also over plain http and in its mapped form; others still cannot", () => {
  const rules = createAddressRules(["10.1.0.0/16", "fd00:1::/32"], ports);
  for (const address of ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5"]) expect(rules.refusal(address, 443, false), address).toBeUndefined();
  for (const address of ["10.2.0.1", "127.0.0.1", "fd00:2::5"]) expect(rules.refusal(address, 443, false), address).toMatch(/not public/);
  expect(rules.refusal("10.1.2.3", 22, false)).toBe("port 22 is not allowed");
});

test("settings: nothing inside is allowed by default, and what is no network or port is refused at the start", () => {
  const read = (env: Record<string, string>) => readAddressRules(loadSettings(outgoingSettings, env));
  expect(read({}).refusal("10.0.0.1", 443, true)).toBeDefined();
  expect(read({ MOORING_WEBHOOK_ALLOW_NETWORKS: "10.0.0.0/8, fd00::/8" }).refusal("10.0.0.1", 443, false)).toBeUndefined();
  expect(read({ MOORING_WEBHOOK_PORTS: "9000" }).refusal("1.1.1.1", 9_000, true)).toBeUndefined();
  for (const value of ["10.0.0.0", "10.0.0.0/33", "::/129", "x/8", "10.0.0.0/8,"]) {
    expect(() => read({ MOORING_WEBHOOK_ALLOW_NETWORKS: value }), value).toThrow(SettingError);
  }
  for (const value of ["0", "70000", "https", "443,"]) expect(() => read({ MOORING_WEBHOOK_PORTS: value }), value).toThrow(SettingError);
});
