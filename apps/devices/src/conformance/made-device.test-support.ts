import { createHmac, generateKeyPairSync, sign as signBytes } from "node:crypto";
import {
  type Caller,
  type Device,
  type DeviceAddress,
  type DeviceApi,
  type DeviceIdentity,
  type IssuedCertificate,
  serviceCaller,
} from "@mooring/contracts";
import { errorOf, makeSigningRequest } from "@mooring/testkit";
import { expect } from "vitest";

export const gateway = serviceCaller("gateway");

export interface MadeDevice {
  readonly productKey: string;
  readonly deviceName: string;
  readonly device: Device;
  readonly certificate: IssuedCertificate;
}

/** A device with a certificate, of a product that allows secrets. */
export async function makeDevice(api: DeviceApi, owner: Caller, deviceName = "thermostat-1"): Promise<MadeDevice> {
  const { productKey } = await api.createProduct(owner, { name: "Thermostat", secretAuthentication: true });
  const device = await api.createDevice(owner, { productKey, deviceName });
  const { csrPem } = makeSigningRequest();
  const certificate = await api.issueCertificate(owner, { productKey, deviceName, csrPem });
  return { productKey, deviceName, device, certificate };
}

/** Whatever is wrong, a device hears the same. */
export async function expectRefused(attempt: Promise<DeviceIdentity>): Promise<void> {
  const error = await errorOf(attempt);
  expect({ code: error.code, message: error.message, details: error.details }).toEqual({
    code: "unauthenticated",
    message: "the device could not be authenticated",
    details: {},
  });
}

/** A device's proof that it knows its secret. */
export function sign(address: DeviceAddress, secret: string, method = "sha256") {
  const content = `clientId12345deviceName${address.deviceName}productKey${address.productKey}`;
  const signature = createHmac(method, secret).update(content).digest("hex");
  return { ...address, signMethod: `hmac${method}`, content, signature };
}

/** What a device sends of itself to register. */
export function signRegistration(address: DeviceAddress, way: "register" | "regnwl", secret: string, method = "sha256") {
  const random = "7f3a";
  const content = `deviceName${address.deviceName}productKey${address.productKey}random${random}`;
  const signature = createHmac(method, secret).update(content).digest("hex");
  return { ...address, way, signMethod: `hmac${method}`, random, signature };
}

export interface TestKeyPair {
  readonly publicKeyPem: string;
  /** The claims as a token; the header is the algorithm's unless given. */
  sign(claims: object, header?: object): string;
}

export function makeKeyPair(algorithm: "EdDSA" | "ES256" = "EdDSA"): TestKeyPair {
  const { publicKey, privateKey } =
    algorithm === "EdDSA" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  return {
    publicKeyPem: publicKey.export({ type: "spki", format: "pem" }) as string,
    sign(claims, header = { alg: algorithm, typ: "JWT" }) {
      const signed = Buffer.from(`${encode(header)}.${encode(claims)}`);
      const digest = algorithm === "EdDSA" ? null : "sha256";
      const signature = signBytes(digest, signed, { key: privateKey, dsaEncoding: "ieee-p1363" });
      return `${signed}.${signature.toString("base64url")}`;
    },
  };
}
