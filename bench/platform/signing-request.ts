import { createSign, generateKeyPairSync } from "node:crypto";

/** What a device makes by itself: an EC key and a signing request for it (PKCS #10, RFC 2986) with an empty subject. Both PEM. */
export function makeSigningRequest(): { readonly csrPem: string; readonly keyPem: string } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const info = tlv(0x30, tlv(0x02, Buffer.of(0)), tlv(0x30), publicKey.export({ type: "spki", format: "der" }), tlv(0xa0));
  const ecdsaWithSha256 = tlv(0x30, tlv(0x06, Buffer.from("2a8648ce3d040302", "hex")));
  const signature = createSign("sha256").update(info).sign(privateKey);
  const lines = tlv(0x30, info, ecdsaWithSha256, tlv(0x03, Buffer.of(0), signature))
    .toString("base64")
    .match(/.{1,64}/g);
  const csrPem = ["-----BEGIN CERTIFICATE REQUEST-----", ...(lines ?? []), "-----END CERTIFICATE REQUEST-----", ""].join("\n");
  return { csrPem, keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString() };
}

/** One DER element (X.690 §8.1) of at most 65,535 bytes. */
function tlv(tag: number, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const size = body.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.of(tag, ...length), body]);
}
