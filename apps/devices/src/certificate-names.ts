import { X509Certificate } from "node:crypto";
import { type DeviceAddress, deviceNamePattern, productKeyPattern } from "@mooring/contracts";

/**
 * The device that a certificate which nobody knows claims to be, in the subject that this platform writes. A claim and no more: it is only for
 * telling the device's operator of it.
 */
export function claimedNames(der: Uint8Array): DeviceAddress | undefined {
  const { subject } = new X509Certificate(der);
  const partOf = (name: string): string => new RegExp(`^${name}=(.+)$`, "m").exec(subject)?.[1] ?? "";
  const [productKey, deviceName] = [partOf("OU"), partOf("CN")];
  return productKeyPattern.test(productKey) && deviceNamePattern.test(deviceName) ? { productKey, deviceName } : undefined;
}
