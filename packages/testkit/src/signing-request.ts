import { createSign, generateKeyPairSync, type KeyObject } from "node:crypto";
import { tlv } from "./certificate-maker.ts";

/** What a device makes on its own: a key and a signing request (PKCS#10, RFC 2986) with an empty subject, as the subject is not looked at. */
export function makeSigningRequest(): { readonly csrPem: string; readonly privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const info = tlv(0x30, tlv(0x02, Buffer.of(0)), tlv(0x30), publicKey.export({ type: "spki", format: "der" }), tlv(0xa0));
  const ecdsaWithSha256 = tlv(0x30, tlv(0x06, Buffer.from("2a8648ce3d040302", "hex")));
  const signature = createSign("sha256").update(info).sign(privateKey);
  const request = tlv(0x30, info, ecdsaWithSha256, tlv(0x03, Buffer.of(0), signature));
  const lines = request.toString("base64").match(/.{1,64}/g) ?? [];
  const csrPem = `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
  return { csrPem, privateKey };
}
