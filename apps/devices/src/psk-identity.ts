// TLS-PSK identities, and the key that belongs to each. Pure.
//
//   {deviceName}&{productKey}                                the 32 bytes that the secret's hex digits stand for: `mosquitto_pub --psk {secret}`
//   {deviceName}&{productKey}&{version}                      the same, of one version of the secret
//   devicename|hmacsha256|{productKey}&{deviceName}|{time}   HMAC(secret, "id{productKey}&{deviceName}timestamp{time}"), as upper-case hex digits,
//                                                            which is what Alibaba's device SDK has (wire formats §2.10)
import { createHmac } from "node:crypto";
import { type DeviceAddress, deviceNamePattern, productKeyPattern } from "@mooring/contracts";

export interface PskIdentity {
  readonly device: DeviceAddress;
  /** Of the secret; undefined for the oldest that is good. */
  readonly version: number | undefined;
  readonly keyFrom: (secret: Buffer) => Buffer;
}

/** OpenSSL takes no longer ones. */
const identityCharactersMax = 256;
const methods: Readonly<Record<string, string>> = { hmacsha256: "sha256", hmacsha1: "sha1" };

/** Undefined for what names no device. */
export function parsePskIdentity(identity: unknown): PskIdentity | undefined {
  if (typeof identity !== "string" || identity.length > identityCharactersMax) return undefined;
  return identity.startsWith("devicename|") ? parseSigned(identity) : parsePlain(identity);
}

function parsePlain(identity: string): PskIdentity | undefined {
  const [, deviceName = "", productKey = "", version] = /^([^&]+)&([^&]+)(?:&([1-9][0-9]{0,8}))?$/.exec(identity) ?? [];
  if (!isAddress(productKey, deviceName)) return undefined;
  const keyFrom = (secret: Buffer): Buffer => Buffer.from(secret.toString("latin1"), "hex");
  return { device: { productKey, deviceName }, version: version === undefined ? undefined : Number(version), keyFrom };
}

function parseSigned(identity: string): PskIdentity | undefined {
  const match = /^devicename\|(\w+)\|([^&|]+)&([^&|]+)\|([0-9]{1,16})$/.exec(identity);
  const [, method = "", productKey = "", deviceName = "", time = ""] = match ?? [];
  const digest = Object.hasOwn(methods, method) ? methods[method] : undefined;
  if (digest === undefined || !isAddress(productKey, deviceName)) return undefined;
  const keyFrom = (secret: Buffer): Buffer =>
    Buffer.from(createHmac(digest, secret).update(`id${productKey}&${deviceName}timestamp${time}`).digest("hex").toUpperCase());
  return { device: { productKey, deviceName }, version: undefined, keyFrom };
}

function isAddress(productKey: string, deviceName: string): boolean {
  return productKeyPattern.test(productKey) && deviceNamePattern.test(deviceName);
}
