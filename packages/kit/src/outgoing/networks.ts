import { BlockList, isIP, isIPv4 } from "node:net";

/** Where a request may go, decided by the address connected to and never by a name. */
export interface AddressRules {
  /** Undefined when a connection to this address is allowed; else why not. `secure`: over TLS. */
  refusal(address: string, port: number, secure: boolean): string | undefined;
  /** Names may be looked up in the machine's own files too: the operator has networks inside that are allowed. */
  readonly knowsInside: boolean;
}

/**
 * IPv4 that is not the public internet: the IANA special-purpose registry (RFC 6890) without exceptions, and multicast. In them are loopback,
 * private and shared (CGNAT) networks, and 169.254.169.254, where clouds keep the credentials of a machine.
 */
const refusedV4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
];
/** IPv6 is public in 2000::/3 only, and there not in special-purpose blocks nor where an IPv4 address hides (Teredo, 6to4). */
const publicV6 = "2000::/3";
const refusedV6 = ["2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"];

const globalV6 = toList([publicV6]);
const special = toList([...refusedV4, ...refusedV6]);

export function createAddressRules(allowedNetworks: readonly string[], ports: readonly number[]): AddressRules {
  const allowed = toList(allowedNetworks);
  return {
    knowsInside: allowedNetworks.length > 0,
    refusal(given, port, secure) {
      const address = normalize(given);
      if (address === undefined) return "the address is not understood";
      if (!ports.includes(port)) return `port ${port} is not allowed`;
      const family = isIPv4(address) ? "ipv4" : "ipv6";
      if (allowed.check(address, family)) return undefined;
      if ((family === "ipv6" && !globalV6.check(address, family)) || special.check(address, family)) return "the address is not public";
      return secure ? undefined : "plain http is not allowed to public addresses";
    },
  };
}

/** `::ffff:a.b.c.d` is the IPv4 address inside, however it is written. An address with a zone belongs to one link and is none that may be reached. */
function normalize(address: string): string | undefined {
  if (isIP(address) === 0 || address.includes("%")) return undefined;
  if (isIPv4(address)) return address;
  const hextets = /^\[::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})\]$/.exec(new URL(`http://[${address}]/`).hostname);
  if (hextets === null) return address;
  const [high, low] = [Number.parseInt(hextets[1] ?? "", 16), Number.parseInt(hextets[2] ?? "", 16)];
  return [high >>> 8, high & 0xff, low >>> 8, low & 0xff].join(".");
}

export function isNetwork(cidr: string): boolean {
  const match = /^([0-9a-f:.]+)\/(\d{1,3})$/i.exec(cidr);
  const version = isIP(match?.[1] ?? "");
  return version !== 0 && Number(match?.[2]) <= (version === 4 ? 32 : 128);
}

function toList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = "", prefix = ""] = network.split("/");
    list.addSubnet(address, Number(prefix), isIPv4(address) ? "ipv4" : "ipv6");
  }
  return list;
}
