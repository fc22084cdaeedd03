// Whom a TLS-PSK identity names. Its forms, and their keys, are the devices service's to say; here it is only for who is held off, and told of.
import type { DeviceAddress } from "@mooring/contracts";

export function parsePskDevice(identity: string): DeviceAddress | undefined {
  const [, , names] = identity.startsWith("devicename|") ? identity.split("|") : [];
  if (names !== undefined) {
    const [productKey = "", deviceName = ""] = names.split("&");
    return { productKey, deviceName };
  }
  const [deviceName, productKey] = identity.split("&");
  return deviceName === undefined || productKey === undefined ? undefined : { productKey, deviceName };
}
