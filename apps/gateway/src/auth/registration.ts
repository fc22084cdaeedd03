// What a device that registered is told, byte for byte (wire formats §2.3).
import type { RegisteredDevice } from "@mooring/contracts";

export interface RegistrationAnswer {
  readonly topic: string;
  readonly payload: Buffer;
}

/** Over MQTT: pushed to a topic that nobody subscribed to. */
export function registrationAnswer({ productKey, deviceName, deviceSecret, clientId, deviceToken }: RegisteredDevice): RegistrationAnswer {
  const isToken = deviceSecret === undefined;
  const body = isToken ? { clientId, productKey, deviceName, deviceToken } : { productKey, deviceName, deviceSecret };
  return { topic: isToken ? "/ext/regnwl" : "/ext/register", payload: Buffer.from(JSON.stringify(body)) };
}
