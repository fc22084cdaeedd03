import { assertMay, type DeviceAddress, type DeviceApi, PlatformError, uuidPattern } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import { readIdentity, type Sealer } from "@mooring/pki";
import { claimedNames } from "./certificate-names.ts";
import type { CertificateCredential } from "./certificate-ports.ts";
import type { ClaimStore } from "./claim-ports.ts";
import { openSession, sealSession, sessionMs } from "./device-session.ts";
import type { Welcome } from "./foreign-certificates.ts";
import { createIssuerCheck } from "./issuer-check.ts";
import { listFault } from "./list-rules.ts";
import { createRegistration } from "./registration.ts";
import { createSecretAuthentication, judgeSecretRow, type SecretAuthentication } from "./secret-authentication.ts";
import type { CredentialStore, KeyCredential, SecretCredential, SecretStore } from "./secret-ports.ts";
import { goodSecrets } from "./secret-rules.ts";
import { tenantOfServerName } from "./server-name.ts";
import { type Conclude, isRefused, judgeStatus, type Verdict } from "./verdict.ts";

export type AuthenticationOperations = Pick<
  DeviceApi,
  "authenticateCertificate" | "checkCredential" | "createDeviceSession" | "authenticateDeviceSession"
> &
  SecretAuthentication &
  Pick<DeviceApi, "registerDevice">;

export interface AuthenticationDeps {
  readonly credentials: CredentialStore;
  readonly secrets: SecretStore;
  readonly claims: Pick<ClaimStore, "hasCertificate">;
  /** Asked about certificates that nobody has seen. */
  readonly welcome: Welcome;
  /** Under which tenants have host names; see server-name.ts. */
  readonly tenantHost?: string | undefined;
  readonly sealer: Sealer;
  readonly clock: Clock;
}

/**
 * Whether a device is who it says. Every way out but one is a refusal, and whatever fails on the way (the database, a sealed value that does
 * not open) throws.
 */
export function createAuthenticationOperations(deps: AuthenticationDeps, conclude: Conclude): AuthenticationOperations {
  const { credentials, clock } = deps;
  const issuedByAuthority = createIssuerCheck();

  async function judgeCertificate(der: Uint8Array, serverName: string | undefined, isNameHidden: boolean): Promise<Judged> {
    const read = readIdentity(der);
    if (!read.ok) return { verdict: { refused: read.reason } };
    const { fingerprintSha256: fingerprint, serial, commonName } = read.identity;
    const tenantId = tenantOfServerName(serverName, deps.tenantHost);
    const known = await credentials.findCertificates(fingerprint);
    // Only what was issued here is one tenant's whatever name was said: several may have registered another authority, also without this certificate.
    const needsName = isNameHidden && deps.tenantHost !== undefined && !(known.length === 1 && known[0]?.authorityKind === "own");
    let credential = needsName ? undefined : chooseRoute(known, tenantId);
    if (credential === undefined) {
      if (await deps.claims.hasCertificate(fingerprint))
        throw new PlatformError("failedPrecondition", "the certificate is a claim's: it provisions devices and is none");
      if (needsName) return { verdict: { refused: "name-hidden" }, fingerprint, device: claimedNames(der) };
      const fault = await deps.welcome(der, read.identity, tenantId);
      if (fault !== undefined)
        return { verdict: { refused: faultOfRoute(fault, known, tenantId) }, fingerprint, device: claimedNames(der) };
      credential = chooseRoute(await credentials.findCertificates(fingerprint), tenantId);
      if (credential === undefined) return { verdict: { refused: "unknown" }, fingerprint, device: claimedNames(der) };
    }
    const { device } = credential;
    // The row is only as good as what wrote it: the bytes must also say this device and be signed by its tenant's authority.
    const isNamed = credential.authorityKind !== "own" || commonName === (credential.commonName ?? device.deviceName);
    const odd = serial !== credential.serial || !isNamed;
    if (odd || credential.authorityTenantId !== device.tenantId)
      return { verdict: { refused: "mismatch" }, fingerprint, device, proven: true };
    const fault = issuedByAuthority(der, credential, clock.now());
    const verdict = fault === undefined ? judgeRow(credential, clock.now()) : { refused: fault };
    return { verdict, fingerprint, device, proven: true };
  }

  return {
    ...createSecretAuthentication(deps, conclude),
    ...createRegistration(deps, conclude),

    async authenticateCertificate(caller, { certificateDer, serverName, isNameHidden = false, origin }) {
      assertMay(caller, "devices.authenticateCertificate");
      const { verdict, fingerprint, device, proven = false } = await judgeCertificate(certificateDer, serverName, isNameHidden);
      return conclude("certificate", verdict, { origin, device: device && addressOf(device), proven, facts: { fingerprint } });
    },

    async createDeviceSession(caller, { deviceId, credentialId }) {
      assertMay(caller, "devices.createDeviceSession");
      const held = conclude("session", await checkStored(deps, deviceId, credentialId), { facts: { deviceId, credentialId } });
      const validUntilMs = Math.min(clock.now() + sessionMs, held.validUntilMs ?? Number.POSITIVE_INFINITY);
      return { token: sealSession(deps.sealer, { deviceId, credentialId, validUntilMs }), validUntilMs };
    },

    async authenticateDeviceSession(caller, { token, origin }) {
      assertMay(caller, "devices.authenticateDeviceSession");
      const session = openSession(deps.sealer, token);
      if (session === undefined) return conclude("session", { refused: "malformed" }, { origin });
      const { deviceId, credentialId, validUntilMs } = session;
      const isOver = clock.now() >= validUntilMs;
      const verdict = isOver ? { refused: "expired" } : await checkStored(deps, deviceId, credentialId);
      const held = conclude("session", verdict, { origin, facts: { deviceId, credentialId } });
      return { ...held, validUntilMs: Math.min(validUntilMs, held.validUntilMs ?? validUntilMs) };
    },

    async checkCredential(caller, { deviceId, credentialId }) {
      assertMay(caller, "devices.checkCredential");
      const verdict = await checkStored(deps, deviceId, credentialId);
      return conclude("check", verdict, { facts: { deviceId, credentialId } });
    },
  };
}

/**
 * A certificate may be known to several tenants, one of which the device must name then. Without a name it is the one on no route; a name that was said is
 * obeyed also where there is one tenant alone.
 */
function chooseRoute(known: readonly CertificateCredential[], tenantId: string | undefined): CertificateCredential | undefined {
  const plain = known.find(({ route }) => route === "");
  if (tenantId === undefined) return plain;
  return known.find(({ route }) => route === tenantId) ?? (plain?.device.tenantId === tenantId ? plain : undefined);
}

/** Nobody vouches for a certificate here that is known elsewhere: then the name is what is wrong. */
function faultOfRoute(fault: string, known: readonly CertificateCredential[], tenantId: string | undefined): string {
  if (fault !== "unknown" || known.length === 0) return fault;
  return tenantId === undefined ? "tenant-not-named" : "another-tenant";
}

function judgeRow(credential: CertificateCredential, nowMs: number): Verdict {
  if (credential.status !== "active") return { refused: credential.status };
  if (credential.listed) return { refused: "revoked" };
  if (nowMs >= (credential.supersedeAtMs ?? Number.POSITIVE_INFINITY)) return { refused: "superseded" };
  if (nowMs < credential.notBeforeMs) return { refused: "not-yet-valid" };
  if (nowMs > credential.notAfterMs) return { refused: "expired" };
  if (credential.authorityStatus === "revoked") return { refused: "authority-revoked" };
  // An own authority that is retired issues no more; what it issued goes on working.
  if (credential.authorityKind !== "own" && credential.authorityStatus !== "active") return { refused: "authority-inactive" };
  const fault = listFault(credential.listMode, credential.listDueMs, nowMs);
  if (fault !== undefined) return { refused: fault };
  const refused = judgeStatus(credential.deviceStatus);
  if (refused !== undefined) return refused;
  return { device: credential.device, credentialId: `certificate:${credential.fingerprint}` };
}

/** A credential accepted before, looked at again: the row alone, for what was proved then stays proved. */
async function checkStored({ credentials, clock }: AuthenticationDeps, deviceId: string, credentialId: string): Promise<Verdict> {
  const [, kind, id = ""] = /^(certificate|secret|token|key):([0-9a-f]{1,64})$/.exec(credentialId) ?? [];
  if (kind === undefined || !uuidPattern.test(deviceId)) return { refused: "malformed" };
  if (kind === "certificate") {
    const credential = (await credentials.findCertificates(id)).find(({ device }) => device.deviceId === deviceId);
    return credential === undefined ? { refused: "unknown" } : judgeRow(credential, clock.now());
  }
  if (kind === "key") return judgeKey(await credentials.findKeysOf(deviceId), id);
  const credential = await credentials.findSecretOf(deviceId);
  if (credential === undefined) return { refused: "unknown" };
  const verdict = kind === "token" ? judgeTokenVersion(credential, id) : judgeSecretVersion(credential, id, clock.now());
  if (!isRefused(verdict) && !credential.isActivated) await credentials.activate(deviceId);
  return verdict;
}

function judgeSecretVersion(credential: SecretCredential, version: string, nowMs: number): Verdict {
  const refused = judgeSecretRow(credential);
  if (refused !== undefined) return refused;
  const good = goodSecrets(credential.secret, nowMs).find((candidate) => String(candidate.version) === version);
  if (good === undefined) return { refused: "replaced" };
  const { validUntilMs } = good;
  return { device: credential.device, credentialId: `secret:${version}`, ...(validUntilMs === undefined ? {} : { validUntilMs }) };
}

function judgeTokenVersion(credential: SecretCredential, version: string): Verdict {
  const refused = judgeSecretRow(credential);
  if (refused !== undefined) return refused;
  const { device, tokenHash, tokenVersion } = credential;
  if (tokenHash === undefined || String(tokenVersion) !== version) return { refused: "replaced" };
  return { device, credentialId: `token:${version}` };
}

function judgeKey(credential: KeyCredential | undefined, id: string): Verdict {
  if (credential === undefined) return { refused: "unknown" };
  const { device, deviceStatus, keys } = credential;
  if (!keys.some(({ keyId }) => keyId === id)) return { refused: "unknown" };
  return judgeStatus(deviceStatus) ?? { device, credentialId: `key:${id}` };
}

interface Judged {
  readonly verdict: Verdict;
  readonly fingerprint?: string;
  readonly device?: DeviceAddress | undefined;
  /** The certificate is one that is kept of the device: the handshake proved its key. */
  readonly proven?: boolean;
}

function addressOf({ productKey, deviceName }: DeviceAddress): DeviceAddress {
  return { productKey, deviceName };
}
