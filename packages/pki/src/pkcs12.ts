// PKCS#12 files (RFC 7292) for a key of any kind: node:crypto encrypts the key (PBES2), the rest is a few DER wrappings and a MAC.
// Certificates are public and stand unencrypted; the MAC under the password covers all.
import { createHash, createHmac, type KeyObject, randomBytes } from "node:crypto";
import { invalidField } from "@mooring/contracts";
import { der, derTag, octetString, oid, sequence, unsignedInteger } from "./der.ts";
import { importPrivateKeyPem } from "./keys.ts";
import { parsePem } from "./pem.ts";

const oids = {
  data: "1.2.840.113549.1.7.1",
  shroudedKeyBag: "1.2.840.113549.1.12.10.1.2",
  certificateBag: "1.2.840.113549.1.12.10.1.3",
  x509Certificate: "1.2.840.113549.1.9.22.1",
  friendlyName: "1.2.840.113549.1.9.20",
  localKeyId: "1.2.840.113549.1.9.21",
  sha256: "2.16.840.1.101.3.4.2.1",
} as const;

/** What openssl writes; a password made by a person is weak at any count, and devices read these files, too. */
const macIterations = 2_048;
const macSaltBytes = 16;

export interface Pkcs12Content {
  readonly privateKeyPem: string;
  /** The leaf first. */
  readonly chainPem: string;
  /** 8 to 128 printable ASCII characters. */
  readonly password: string;
  /** Printable ASCII, for people. */
  readonly friendlyName: string;
}

/** The file in DER. Throws invalidArgument for a password that is out of bounds. */
export function createPkcs12({ privateKeyPem, chainPem, password, friendlyName }: Pkcs12Content): Buffer {
  if (!/^[\x20-\x7e]{8,128}$/.test(password)) throw invalidField("/password", "must be 8 to 128 printable ASCII characters");
  const key: KeyObject = importPrivateKeyPem(privateKeyPem);
  const shrouded = key.export({ type: "pkcs8", format: "der", cipher: "aes-256-cbc", passphrase: password });
  const certificates = parsePem(chainPem, 64 * 1024, "/chainPem").map((block) => block.der);
  const leafId = createHash("sha256")
    .update(certificates[0] ?? "")
    .digest()
    .subarray(0, 20);
  const attributes = der(
    derTag.set,
    sequence(oid(oids.friendlyName), der(derTag.set, der(0x1e, bmpString(friendlyName, false)))),
    sequence(oid(oids.localKeyId), der(derTag.set, octetString(leafId))),
  );
  const bags = certificates.map((certificate, index) => {
    const bag = sequence(oid(oids.x509Certificate), der(0xa0, octetString(certificate)));
    return sequence(oid(oids.certificateBag), der(0xa0, bag), ...(index === 0 ? [attributes] : []));
  });
  const keyBag = sequence(oid(oids.shroudedKeyBag), der(0xa0, shrouded), attributes);
  const safe = sequence(dataInfo(sequence(...bags)), dataInfo(sequence(keyBag)));
  const salt = randomBytes(macSaltBytes);
  const mac = createHmac("sha256", deriveMacKey(password, salt)).update(safe).digest();
  const digestInfo = sequence(sequence(oid(oids.sha256), Buffer.of(0x05, 0)), octetString(mac));
  const macData = sequence(digestInfo, octetString(salt), unsignedInteger(Buffer.of(macIterations >> 8, macIterations & 0xff)));
  return sequence(unsignedInteger(Buffer.of(3)), dataInfo(safe), macData);
}

const dataInfo = (content: Uint8Array): Buffer => sequence(oid(oids.data), der(0xa0, octetString(content)));

/** UTF-16, big-endian; passwords end in two zero octets (RFC 7292 appendix B.1). */
function bmpString(text: string, terminated: boolean): Buffer {
  return Buffer.from(`${text}${terminated ? "\0" : ""}`, "utf16le").swap16();
}

/** RFC 7292 appendix B.2 with SHA-256 (u = 32, v = 64) and ID 3; 32 octets are one round, so nothing is carried over. */
function deriveMacKey(password: string, salt: Uint8Array): Buffer {
  const blockBytes = 64;
  const fill = (part: Uint8Array): Buffer => {
    const filled = Buffer.alloc(blockBytes * Math.ceil(part.length / blockBytes));
    for (let i = 0; i < filled.length; i++) filled[i] = part[i % part.length] ?? 0;
    return filled;
  };
  let key = Buffer.concat([Buffer.alloc(blockBytes, 3), fill(salt), fill(bmpString(password, true))]);
  for (let i = 0; i < macIterations; i++) key = createHash("sha256").update(key).digest();
  return key;
}
