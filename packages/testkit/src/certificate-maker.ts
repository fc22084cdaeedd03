// Certificates as anybody could make them, odd ones above all: every part is a choice. Shares no code with @mooring/pki, which it is to judge.
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";

export interface MadeParty {
  readonly der: Buffer;
  readonly pem: string;
  readonly key: KeyObject;
  readonly keyPem: string;
  /** DER Name. */
  readonly name: Buffer;
}

export interface CertificateChoices {
  /** Common names, each a string (UTF8String) or a whole DER value. */
  readonly commonNames?: readonly (string | Buffer)[];
  readonly issuer?: MadeParty | undefined;
  /** Whose name stands as the issuer's, when it is not who signs. */
  readonly issuerName?: Buffer;
  readonly key?: KeyPair;
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  /** In hex; random when absent. */
  readonly serial?: string;
  readonly version?: 1 | 3;
  readonly hash?: "sha1" | "sha256" | "md5";
  readonly extensions?: readonly Buffer[];
  /** What is done to the finished DER. */
  readonly damage?: (der: Buffer) => Buffer;
}

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

export function tlv(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  if (length < 0x80) return Buffer.concat([Buffer.of(tag, length), body]);
  const octets =
    length < 0x100 ? [length] : length < 0x10000 ? [length >> 8, length & 0xff] : [length >> 16, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Buffer.of(tag, 0x80 | octets.length, ...octets), body]);
}

export const oidOf = (hex: string): Buffer => tlv(0x06, Buffer.from(hex, "hex"));
export const text = (value: string): Buffer => tlv(0x0c, Buffer.from(value, "utf8"));

export function nameOf(commonNames: readonly (string | Buffer)[]): Buffer {
  return tlv(0x30, ...commonNames.map((value) => tlv(0x31, tlv(0x30, oidOf("550403"), typeof value === "string" ? text(value) : value))));
}

const pad = (value: number): string => String(value).padStart(2, "0");
function timeOf(ms: number): Buffer {
  const at = new Date(ms);
  const rest = [at.getUTCMonth() + 1, at.getUTCDate(), at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()].map(pad).join("");
  const year = at.getUTCFullYear();
  if (year >= 2050) return tlv(0x18, Buffer.from(`${year}${rest}Z`));
  return tlv(0x17, Buffer.from(`${pad(year % 100)}${rest}Z`));
}

/** An Extension; `id` is the content octets of its OID. */
export function extensionOf(id: string, value: Buffer, critical = false): Buffer {
  return tlv(0x30, oidOf(id), ...(critical ? [Buffer.of(1, 1, 0xff)] : []), tlv(0x04, value));
}

export const extensions = {
  authority: (pathLength?: number): Buffer =>
    extensionOf("551d13", tlv(0x30, Buffer.of(1, 1, 0xff), ...(pathLength === undefined ? [] : [Buffer.of(2, 1, pathLength)])), true),
  leaf: (): Buffer => extensionOf("551d13", tlv(0x30), true),
  /** A mask of the first octet: 0x80 digitalSignature, 0x20 keyEncipherment, 0x06 keyCertSign and cRLSign. */
  keyUsage: (mask: number): Buffer => extensionOf("551d0f", tlv(0x03, Buffer.of(0, mask)), true),
  purpose: (...which: readonly ("client" | "server" | "any")[]): Buffer =>
    extensionOf(
      "551d25",
      tlv(0x30, ...which.map((one) => oidOf(one === "any" ? "551d2500" : one === "client" ? "2b06010505070302" : "2b06010505070301"))),
    ),
  /** Where the list of the certificate's authority is: one place, with a full name. */
  listPlace: (uri: string): Buffer =>
    extensionOf("551d1f", tlv(0x30, tlv(0x30, tlv(0xa0, tlv(0xa0, tlv(0x86, Buffer.from(uri, "latin1"))))))),
  unknown: (critical: boolean): Buffer => extensionOf("2a0304", Buffer.of(5, 0), critical),
} as const;

const algorithms: Readonly<Record<string, string>> = {
  "ec-sha256": "300a06082a8648ce3d040302",
  "ec-sha1": "300906072a8648ce3d0401",
  "rsa-sha256": "300d06092a864886f70d01010b0500",
  "rsa-sha1": "300d06092a864886f70d0101050500",
  "rsa-md5": "300d06092a864886f70d0101040500",
  ed25519: "300506032b6570",
};

export const ecKey = (namedCurve = "P-256"): KeyPair => generateKeyPairSync("ec", { namedCurve });
export const edKey = (): KeyPair => generateKeyPairSync("ed25519");
export const rsaKey = (modulusLength: number, publicExponent = 65_537): KeyPair =>
  generateKeyPairSync("rsa", { modulusLength, publicExponent });

const dayMs = 86_400_000;

/** A certificate; without an issuer it signs itself. A client's leaf for a year unless said otherwise. */
export function makeCertificate(choices: CertificateChoices): MadeParty {
  const key = choices.key ?? ecKey();
  const name = nameOf(choices.commonNames ?? []);
  const { issuer, version = 3, hash = "sha256" } = choices;
  const signer = issuer?.key ?? key.privateKey;
  const kind = signer.asymmetricKeyType ?? "";
  const algorithm = Buffer.from(algorithms[kind === "ed25519" ? kind : `${kind}-${hash}`] ?? "", "hex");
  // A first digit of 4 needs no sign octet and no trimming.
  const serial = Buffer.from(choices.serial ?? `4${randomBytes(16).toString("hex").slice(1)}`, "hex");
  const listed = choices.extensions ?? [extensions.leaf(), extensions.keyUsage(0x80), extensions.purpose("client")];
  const tbs = tlv(
    0x30,
    ...(version === 3 ? [Buffer.from("a003020102", "hex")] : []),
    tlv(0x02, ...((serial[0] ?? 0) >= 0x80 ? [Buffer.of(0), serial] : [serial])),
    algorithm,
    choices.issuerName ?? issuer?.name ?? name,
    tlv(0x30, timeOf(choices.notBeforeMs ?? Date.now() - dayMs), timeOf(choices.notAfterMs ?? Date.now() + 365 * dayMs)),
    name,
    key.publicKey.export({ type: "spki", format: "der" }),
    ...(version === 3 && listed.length > 0 ? [tlv(0xa3, tlv(0x30, ...listed))] : []),
  );
  const signature = sign(kind === "ed25519" ? null : hash, tbs, signer);
  const whole = tlv(0x30, tbs, algorithm, tlv(0x03, Buffer.of(0), signature));
  const der = choices.damage?.(whole) ?? whole;
  return {
    der,
    pem: toPem("CERTIFICATE", der),
    key: key.privateKey,
    keyPem: key.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    name,
  };
}

/** A self-signed authority that may sign leaves and lists. */
export function makeAuthority(commonName: string, choices: CertificateChoices = {}): MadeParty {
  return makeCertificate({ commonNames: [commonName], extensions: [extensions.authority(), extensions.keyUsage(0x06)], ...choices });
}

export interface ListChoices {
  readonly serials: readonly string[];
  readonly nextUpdateMs?: number;
  /** Two seconds ago unless said otherwise. */
  readonly thisUpdateMs?: number;
  /** 1 to 127 (RFC 5280 §5.2.3); none unless said. */
  readonly number?: number;
  /** Whole Extension elements. */
  readonly extensions?: readonly Buffer[];
}

/** A version 2 revocation list in PEM. */
export function makeRevocationList(authority: MadeParty, choices: ListChoices): string {
  const { serials, nextUpdateMs, thisUpdateMs, number, extensions: others = [] } = choices;
  const more = number === undefined ? others : [extensionOf("551d14", Buffer.of(2, 1, number)), ...others];
  const algorithm = Buffer.from(algorithms["ec-sha256"] ?? "", "hex");
  const revoked = serials.map((serial) => {
    const octets = Buffer.from(serial, "hex");
    return tlv(0x30, tlv(0x02, ...((octets[0] ?? 0) >= 0x80 ? [Buffer.of(0), octets] : [octets])), timeOf(Date.now() - 1_000));
  });
  const tbs = tlv(
    0x30,
    Buffer.of(2, 1, 1),
    algorithm,
    authority.name,
    timeOf(thisUpdateMs ?? Date.now() - 2_000),
    timeOf(nextUpdateMs ?? Date.now() + dayMs),
    ...(revoked.length === 0 ? [] : [tlv(0x30, ...revoked)]),
    ...(more.length === 0 ? [] : [tlv(0xa0, tlv(0x30, ...more))]),
  );
  return toPem("X509 CRL", tlv(0x30, tbs, algorithm, tlv(0x03, Buffer.of(0), sign("sha256", tbs, authority.key))));
}

function toPem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
