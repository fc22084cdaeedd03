// The table of certificates that come to the door. Each row says whether it is let in, and why not.
//
// Most leaves are signed by `factory`, an authority that the tenant has registered with the mode `provision`: whatever its certificates say is then
// judged, instead of being unknown. What the platform's own authority has issued, and what became of it: own-certificates.ts.
import { randomBytes } from "node:crypto";
import {
  type CertificateChoices,
  ecKey,
  edKey,
  extensionOf,
  extensions,
  type MadeParty,
  makeAuthority,
  makeCertificate,
  rsaKey,
  tlv,
} from "@mooring/testkit";

export interface Authorities {
  /** Proved by the tenant; unknown devices are provisioned. */
  readonly factory: MadeParty;
  /** Proved by another tenant, whose template names a product of its own. */
  readonly foreign: MadeParty;
  /** Registered, never proved. */
  readonly pending: MadeParty;
  /** Proved, and made inactive. */
  readonly inactive: MadeParty;
  /** Proved, known devices only. */
  readonly known: MadeParty;
  /** Proved, and its list is out of date. */
  readonly outdated: MadeParty;
  /** Proved; unknown devices wait for approval. */
  readonly register: MadeParty;
  /** Proved; needs a list and has none. */
  readonly missing: MadeParty;
  /** Proved; its list is out of date, and need not be there. */
  readonly soft: MadeParty;
  /** Proved; its list is current and names `listedSerial`. */
  readonly obeyed: MadeParty;
  /** The same, and its list is not obeyed. */
  readonly off: MadeParty;
  /** Proved; may have no authority below it (path length 0). */
  readonly short: MadeParty;
  /** Proved, and below one that nobody has registered. */
  readonly below: MadeParty;
  /** Proved, and below `short`, which may have none: what is above one that is registered itself is not looked at (RFC 5280 §6.1.1 (d)). */
  readonly belowShort: MadeParty;
  /** Of the platform's own authorities, by what became of them; see own-certificates.ts. */
  readonly own: Readonly<Record<OwnCase, Shown>>;
  /** Proved by a tenant that is suspended; unknown devices are provisioned. */
  readonly suspended: MadeParty;
  /** Certificates of claims, by what became of claim, authority or tenant. */
  readonly claims: Readonly<Record<ClaimCase, MadeParty>>;
}

/** What comes to the door. */
export type Shown = Pick<MadeParty, "pem" | "keyPem">;

export const ownCases = [
  "active",
  "renewed",
  "superseded",
  "revoked",
  "inactive",
  "disabled",
  "deleted",
  "retired issuer",
  "revoked issuer",
] as const;
export type OwnCase = (typeof ownCases)[number];

export const claimCases = ["active", "inactive", "revoked", "listed", "authority inactive", "list outdated", "tenant suspended"] as const;
export type ClaimCase = (typeof claimCases)[number];

export interface CertificateCase {
  readonly name: string;
  readonly expect: "accept" | "refuse";
  /**
   * The service's reason; `handshake` when TLS itself ends it, `no certificate` when the client's own TLS does not send it. Two where TLS 1.2 and
   * TLS 1.3 differ. Empty for what is let in.
   */
  readonly why: string | readonly [tls12: string, tls13: string];
  /** Let in first, at another node; then this is done to it, and it comes again with the session of before. */
  readonly lost?: "revoked" | "disabled";
  make(with_: Authorities): { readonly leaf: Shown; readonly chain?: readonly MadeParty[] };
}

/** On the lists of `obeyed` and `off`. Two of each are shown, and a serial number is one certificate's. */
export const listedSerials = ["4711", "4712"] as const;

const dayMs = 86_400_000;
let number = 0;
/** Each row's device has a name of its own, so that no row finds another's. */
const fresh = (prefix = "case"): string => `${prefix}-${++number}`;

const hex = (value: number): string => value.toString(16).padStart(2, "0");

type Row = readonly [
  name: string,
  expect: "accept" | "refuse",
  why: CertificateCase["why"],
  choices: CertificateChoices | (() => CertificateChoices),
];

const leafKinds = [extensions.leaf(), extensions.keyUsage(0x80)];
const wholeName = (tag: number, value: string | Buffer): Buffer =>
  tlv(tag, typeof value === "string" ? Buffer.from(value, "latin1") : value);

/** Signed by `factory`. */
const leafRows: readonly Row[] = [
  ["EC P-256", "accept", "", {}],
  ["EC P-384", "accept", "", () => ({ key: ecKey("P-384") })],
  ["EC P-521", "accept", "", () => ({ key: ecKey("P-521") })],
  ["Ed25519", "accept", "", () => ({ key: edKey() })],
  ["RSA 2048", "accept", "", () => ({ key: rsaKey(2_048) })],
  ["RSA 1024", "refuse", "weak-key", () => ({ key: rsaKey(1_024) })],
  ["RSA with e = 3", "refuse", "weak-key", () => ({ key: rsaKey(2_048, 3) })],
  ["EC secp256k1", "refuse", ["handshake", "no certificate"], () => ({ key: ecKey("secp256k1") })],
  ["EC P-224", "refuse", ["handshake", "no certificate"], () => ({ key: ecKey("secp224r1") })],
  ["expired yesterday", "refuse", "expired", { notBeforeMs: Date.now() - 9 * dayMs, notAfterMs: Date.now() - dayMs }],
  ["not valid before tomorrow", "refuse", "not-yet-valid", { notBeforeMs: Date.now() + dayMs }],
  ["valid beyond 2050 (GeneralizedTime)", "accept", "", { notAfterMs: Date.UTC(2055, 0, 1) }],
  ["signed with SHA-1", "refuse", "weak-signature", { hash: "sha1" }],
  ["server purpose alone", "refuse", "wrong-purpose", { extensions: [...leafKinds, extensions.purpose("server")] }],
  ["server and client purpose", "accept", "", { extensions: [...leafKinds, extensions.purpose("server", "client")] }],
  ["any purpose", "refuse", "wrong-purpose", { extensions: [...leafKinds, extensions.purpose("any")] }],
  ["no purpose named", "accept", "", { extensions: leafKinds }],
  ["key usage without digitalSignature", "refuse", "wrong-key-usage", { extensions: [extensions.leaf(), extensions.keyUsage(0x20)] }],
  ["no extensions at all", "accept", "", { extensions: [] }],
  ["version 1", "accept", "", { version: 1 }],
  ["CA:TRUE", "refuse", "leaf-is-authority", { extensions: [extensions.authority(), extensions.keyUsage(0x86)] }],
  ["a critical extension nobody knows", "refuse", "unknown-critical-extension", { extensions: [...leafKinds, extensions.unknown(true)] }],
  ["an extension nobody knows, not critical", "accept", "", { extensions: [...leafKinds, extensions.unknown(false)] }],
  ["an extension given twice", "refuse", "malformed", { extensions: [...leafKinds, extensions.keyUsage(0x80)] }],
  [
    "name constraints, critical",
    "refuse",
    "unknown-critical-extension",
    { extensions: [...leafKinds, extensionOf("551d1e", tlv(0x30), true)] },
  ],
  ["no common name", "refuse", "odd-device-name", { commonNames: [] }],
  ["two common names", "refuse", "several-common-names", { commonNames: ["case-two", "case-two"] }],
  ["an empty common name", "refuse", "odd-common-name", { commonNames: [""] }],
  ["NUL in the name", "refuse", "odd-common-name", { commonNames: ["case-nul\0.victim"] }],
  ["a newline in the name", "refuse", "odd-common-name", { commonNames: ["case-line\n"] }],
  ["a space in the name", "refuse", "odd-common-name", { commonNames: ["case space"] }],
  ["a wildcard in the name", "refuse", "odd-common-name", { commonNames: ["case-*"] }],
  ["a topic's characters in the name", "refuse", "odd-common-name", { commonNames: ["case/+/#"] }],
  ["a homoglyph in the name (Cyrillic a)", "refuse", "odd-common-name", { commonNames: ["cаse-1"] }],
  ["BMPString name", "refuse", "odd-common-name", { commonNames: [wholeName(0x1e, Buffer.from("\0c\0a\0s\0e\0-\0b", "latin1"))] }],
  ["TeletexString name", "refuse", "odd-common-name", { commonNames: [wholeName(0x14, "case-teletex")] }],
  ["PrintableString name", "accept", "", () => ({ commonNames: [wholeName(0x13, fresh("printable"))] })],
  ["a name of 65 characters", "refuse", "odd-common-name", { commonNames: ["x".repeat(65)] }],
  ["a name of 3 characters", "refuse", "odd-device-name", { commonNames: ["abc"] }],
  ["a serial number of 20 octets", "accept", "", () => ({ serial: `7f${randomBytes(19).toString("hex")}` })],
  ["a serial number of 21 octets", "refuse", "malformed", { serial: "7f".repeat(21) }],
  ["a serial number of 1 octet", "accept", "", () => ({ serial: hex(++number % 128) })],
  ["100 extensions", "accept", "", { extensions: [...leafKinds, ...many(98, (i) => extensionOf(`2a0304${hex(i)}`, Buffer.of(5, 0)))] }],
  ["20 KB", "refuse", "too-large", { extensions: [...leafKinds, extensionOf("2a0304", tlv(0x04, Buffer.alloc(20_000)))] }],
];

function many<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** Whoever else signs. */
const issuerRows: readonly CertificateCase[] = [
  row("self-signed", "refuse", "unknown", () => ({ leaf: leafOf(undefined) })),
  row("an authority nobody registered", "refuse", "unknown", () => ({ leaf: leafOf(makeAuthority("Nobody's CA")) })),
  row("an authority of the same name, another key", "refuse", "bad-signature", () => ({ leaf: leafOf(makeAuthority("factory")) })),
  row("the authority's name written over a self-signed one", "refuse", "bad-signature", ({ factory }) => ({
    leaf: makeCertificate({ commonNames: [fresh()], issuerName: factory.name }),
  })),
  row("a bit of the signature turned", "refuse", "bad-signature", ({ factory }) => ({ leaf: leafOf(factory, { damage: turnLastBit }) })),
  row("an authority registered and never proved", "refuse", "unknown", ({ pending }) => ({ leaf: leafOf(pending) })),
  row("an authority made inactive", "refuse", "unknown", ({ inactive }) => ({ leaf: leafOf(inactive) })),
  row("an authority for known devices", "refuse", "unknown", ({ known }) => ({ leaf: leafOf(known) })),
  row("an authority whose list is out of date", "refuse", "revocation-list-outdated", ({ outdated }) => ({ leaf: leafOf(outdated) })),
  row("an authority that needs a list and has none", "refuse", "revocation-list-missing", ({ missing }) => ({ leaf: leafOf(missing) })),
  row("an authority whose list is out of date and need not be there", "accept", "", ({ soft }) => ({ leaf: leafOf(soft) })),
  row("on its authority's list", "refuse", "revoked", ({ obeyed }) => ({ leaf: leafOf(obeyed, { serial: nextListed() }) })),
  row("not on its authority's list", "accept", "", ({ obeyed }) => ({ leaf: leafOf(obeyed) })),
  row("on a list that is not obeyed", "accept", "", ({ off }) => ({ leaf: leafOf(off, { serial: nextListed() }) })),
  row("an authority whose devices are approved by hand", "refuse", "pending", ({ register }) => ({ leaf: leafOf(register) })),
  row("another tenant's authority: the device is that tenant's", "accept", "", ({ foreign }) => ({ leaf: leafOf(foreign) })),
  row("an intermediate below the authority, sent along", "refuse", "unknown", ({ factory }) => {
    const intermediate = makeAuthority("Intermediate", { issuer: factory });
    return { leaf: leafOf(intermediate), chain: [intermediate] };
  }),
  row("a device's own certificate as an authority", "refuse", "unknown", ({ factory }) => {
    const device = leafOf(factory);
    return { leaf: leafOf(device), chain: [device] };
  }),
  row("an authority that may have none below (path length 0)", "accept", "", ({ short }) => ({ leaf: leafOf(short) })),
  row("path length exceeded, the authority between sent along", "refuse", "unknown", ({ short }) => {
    const intermediate = makeAuthority("Between", { issuer: short });
    return { leaf: leafOf(intermediate), chain: [intermediate, short] };
  }),
  row("an authority as a device, below path length 0", "refuse", "leaf-is-authority", ({ short }) => ({
    leaf: leafOf(short, { extensions: [extensions.authority(), extensions.keyUsage(0x86)] }),
  })),
  row("an intermediate that is registered itself", "accept", "", ({ below }) => ({ leaf: leafOf(below) })),
  row("an intermediate that is registered itself, sent along", "accept", "", ({ below }) => ({ leaf: leafOf(below), chain: [below] })),
  row("two below an intermediate that is registered, both sent along", "refuse", "unknown", ({ below }) => {
    const intermediate = makeAuthority("Between", { issuer: below });
    return { leaf: leafOf(intermediate), chain: [intermediate, below] };
  }),
  row("an intermediate registered itself, below path length 0", "accept", "", ({ belowShort }) => ({ leaf: leafOf(belowShort) })),
  row("nine authorities sent along that nobody needs", "accept", "", ({ factory }) => ({
    leaf: leafOf(factory),
    chain: many(9, (i) => makeAuthority(`Useless ${i}`)),
  })),
  row("a chain of 500 certificates", "refuse", "handshake", ({ factory }) => ({
    leaf: leafOf(factory),
    chain: many(500, (i) => makeAuthority(`Filler ${i}`, { key: factoryKey })),
  })),
];
const factoryKey = ecKey();

/** Two rows take one, then the same two the other. */
let listed = 0;
const nextListed = (): string => listedSerials[(listed++ >> 1) % 2] ?? "";
/** What a fleet has before it has certificates of its own. */
const claimRows: readonly CertificateCase[] = [
  row("a claim", "accept", "", ({ claims }) => ({ leaf: claims.active })),
  row("a claim with its authority sent along", "accept", "", ({ claims, known }) => ({ leaf: claims.active, chain: [known] })),
  row("a claim made inactive", "refuse", "claim-inactive", ({ claims }) => ({ leaf: claims.inactive })),
  row("a revoked claim", "refuse", "claim-revoked", ({ claims }) => ({ leaf: claims.revoked })),
  row("a claim on its authority's list", "refuse", "revoked", ({ claims }) => ({ leaf: claims.listed })),
  row("a claim of an authority made inactive", "refuse", "authority-inactive", ({ claims }) => ({ leaf: claims["authority inactive"] })),
  row("a claim whose authority's list is out of date", "refuse", "revocation-list-outdated", ({ claims }) => ({
    leaf: claims["list outdated"],
  })),
  row("a claim of a suspended tenant", "refuse", "tenant-suspended", ({ claims }) => ({ leaf: claims["tenant suspended"] })),
  row("a stranger of a suspended tenant", "refuse", "tenant-suspended", ({ suspended }) => ({ leaf: leafOf(suspended) })),
  row("another certificate for a claim's name", "refuse", "unknown", ({ known }) => ({
    leaf: makeCertificate({ commonNames: ["claim-active"], issuer: known }),
  })),
];

/** Of the platform's own authorities. */
const ownRows: readonly CertificateCase[] = (
  [
    ["active", "accept", ""],
    ["renewed", "accept", ""],
    ["superseded", "refuse", "superseded"],
    ["revoked", "refuse", "revoked"],
    ["inactive", "refuse", "inactive"],
    ["disabled", "refuse", "disabled"],
    ["deleted", "refuse", "unknown"],
    ["retired issuer", "accept", ""],
    ["revoked issuer", "refuse", "authority-revoked"],
  ] as const
).map(([which, expect, why]) => row(`the platform's own: ${which}`, expect, why, ({ own }) => ({ leaf: own[which] })));

/** With the session of another node, from before. */
const resumedRows: readonly CertificateCase[] = [
  {
    ...row("resumed on another node after it was revoked", "refuse", "revoked", ({ factory }) => ({ leaf: leafOf(factory) })),
    lost: "revoked",
  },
  {
    ...row("resumed on another node after its device was disabled", "refuse", "disabled", ({ factory }) => ({ leaf: leafOf(factory) })),
    lost: "disabled",
  },
];

function row(name: string, expect: "accept" | "refuse", why: CertificateCase["why"], make: CertificateCase["make"]): CertificateCase {
  return { name, expect, why, make };
}

function leafOf(issuer: MadeParty | undefined, choices: CertificateChoices = {}): MadeParty {
  return makeCertificate({ commonNames: [fresh()], issuer, ...choices });
}

/** The last octet is of the signature. */
function turnLastBit(der: Buffer): Buffer {
  const damaged = Buffer.from(der);
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
  return damaged;
}

export const certificateCases: readonly CertificateCase[] = [
  ...leafRows.map(([name, expect, why, choices]) =>
    row(name, expect, why, ({ factory }) => ({ leaf: leafOf(factory, typeof choices === "function" ? choices() : choices) })),
  ),
  ...issuerRows,
  ...claimRows,
  ...ownRows,
  ...resumedRows,
];
