// A device's CONNECT, from what it offers to which device it is. What was proved in the TLS handshake decides alone: a client certificate, or a
// pre-shared key. Without either it may offer something in the packet. There is no way from one to the other.
import {
  type ClaimIdentity,
  type DeviceAddress,
  type DeviceApi,
  type DeviceIdentity,
  type GatewayFailure,
  PlatformError,
  type SignOnOrigin,
  serviceCaller,
} from "@mooring/contracts";
import { type ConnectPacket, ReasonCode } from "@mooring/mqtt";
import { authenticateCertificate, type ShownCertificate } from "../auth/client-certificate.ts";
import { type Claim, claimOf, claimOfCertificate, type Guard } from "../auth/guard.ts";
import { registrationAnswer } from "../auth/registration.ts";
import { claimedByToken, type Offer, parseUsername, readOffer, type SignOnClientId } from "../auth/secret.ts";
import type { AuthFailure } from "../counters.ts";
import { type ClaimSignedOn, type DeviceSignedOn, judged, type Peer, type Registered, SignOnRefused } from "./connect.ts";

export interface DeviceSignOnDeps {
  readonly devices: Pick<
    DeviceApi,
    | "authenticateCertificate"
    | "authenticateClaim"
    | "authenticateSecret"
    | "authenticateToken"
    | "authenticateJwt"
    | "registerDevice"
    | "checkCredential"
  >;
  readonly guard: Pick<Guard, "mayTry" | "failed" | "succeeded" | "mayRegister" | "registered">;
}

/** What is there to go by. */
export interface Asking {
  readonly packet: ConnectPacket;
  readonly peer: Peer;
  readonly named: SignOnClientId;
  readonly origin: SignOnOrigin;
}

/** Refusals that count against who tried, and those among them that nobody but the gateway knows of. */
const verdicts: { readonly [K in AuthFailure]?: GatewayFailure | "" } = {
  noCredential: "no-credential",
  identityMismatch: "identity-mismatch",
  plainTransport: "plain-transport",
  certificate: "",
  preSharedKey: "",
  secret: "",
  token: "",
  jwt: "",
  registration: "",
};

/** Throws SignOnRefused, whatever happens. */
export async function signOnDevice(asking: Asking, deps: DeviceSignOnDeps): Promise<DeviceSignedOn | ClaimSignedOn | Registered> {
  const { origin } = asking;
  const claim = claimIn(asking);
  if (!deps.guard.mayTry(claim, origin)) throw new SignOnRefused(ReasonCode.ConnectionRateExceeded, "heldOff");
  try {
    const signedOn = await prove(asking, deps);
    deps.guard.succeeded(claim, origin);
    return signedOn;
  } catch (error) {
    const reason = error instanceof SignOnRefused ? verdicts[error.failure] : undefined;
    if (reason !== undefined) deps.guard.failed(claim, origin, reason === "" ? undefined : reason);
    throw error;
  }
}

function claimIn({ packet, peer }: Asking): Claim {
  if (peer.certificate !== undefined) return claimOfCertificate(peer.certificate.der);
  return claimOf(peer.preShared?.device ?? claimedBy(packet) ?? claimedByToken(packet.password));
}

function claimedBy({ username }: ConnectPacket): DeviceAddress | undefined {
  return username === null ? undefined : parseUsername(username);
}

async function prove(asking: Asking, deps: DeviceSignOnDeps): Promise<DeviceSignedOn | ClaimSignedOn | Registered> {
  const { packet, peer, named } = asking;
  const proved = await provedByTransport(asking, deps);
  if (proved !== undefined && "claimId" in proved) return { kind: "claim", claim: proved };
  if (proved !== undefined) return signedOnAs(packet, proved);
  const offer = readOffer(named, packet.username, packet.password, peer.transport);
  if (offer === undefined) throw new SignOnRefused(ReasonCode.NotAuthorized, "noCredential");
  // Only a signature may be seen by others: the rest is good for whoever has it.
  if (offer.kind !== "secret" && peer.transport !== "tls") throw new SignOnRefused(ReasonCode.NotAuthorized, "plainTransport");
  if (offer.kind === "registration") return register(asking, offer, deps);
  return signedOnAs(packet, await judged(offer.kind, () => authenticate(asking, offer, deps)));
}

/** Looked at again, since a handshake may be a while ago. */
function provedByTransport(asking: Asking, { devices }: DeviceSignOnDeps): Promise<DeviceIdentity | ClaimIdentity> | undefined {
  const { peer, origin } = asking;
  const { certificate, preShared } = peer;
  if (certificate !== undefined) return judged("certificate", () => authenticateDeviceOrClaim(devices, certificate, origin));
  if (preShared === undefined) return undefined;
  const { credentialId, device } = preShared;
  return judged("preSharedKey", () => devices.checkCredential(serviceCaller("gateway"), { deviceId: device.deviceId, credentialId }));
}

async function authenticateDeviceOrClaim(
  devices: DeviceSignOnDeps["devices"],
  shown: ShownCertificate,
  origin: SignOnOrigin,
): Promise<DeviceIdentity | ClaimIdentity> {
  try {
    return await authenticateCertificate(devices, shown, origin);
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== "failedPrecondition") throw error;
    return devices.authenticateClaim(serviceCaller("gateway"), { certificateDer: shown.der, origin });
  }
}

function authenticate(
  { origin }: Asking,
  offer: Exclude<Offer, { kind: "registration" }>,
  { devices }: DeviceSignOnDeps,
): Promise<DeviceIdentity> {
  const caller = serviceCaller("gateway");
  switch (offer.kind) {
    case "secret":
      return devices.authenticateSecret(caller, { ...offer.proof, origin });
    case "token":
      return devices.authenticateToken(caller, { ...offer.proof, origin });
    case "jwt":
      return devices.authenticateJwt(caller, { jwt: offer.jwt, origin });
  }
}

async function register({ origin }: Asking, { proof }: Offer & { kind: "registration" }, deps: DeviceSignOnDeps): Promise<Registered> {
  if (!deps.guard.mayRegister(proof.productKey, origin.address)) throw new SignOnRefused(ReasonCode.ConnectionRateExceeded, "heldOff");
  const registered = await judged("registration", () => deps.devices.registerDevice(serviceCaller("gateway"), { ...proof, origin }));
  deps.guard.registered(proof.productKey);
  return { kind: "registered", ...registrationAnswer(registered) };
}

function signedOnAs(packet: ConnectPacket, identity: DeviceIdentity): DeviceSignedOn {
  // An answer with a hole in it must not become an identity.
  const { deviceId, tenantId, productKey, deviceName } = identity.device;
  if (!deviceId || !tenantId || !productKey || !deviceName || !identity.credentialId) {
    throw new SignOnRefused(ReasonCode.ServerUnavailable, "unavailable");
  }
  // A user name of the form {deviceName}&{productKey} is a claim, and must be true. Other user names say nothing.
  const claimed = claimedBy(packet);
  const isTrue = claimed === undefined || (claimed.productKey === productKey && claimed.deviceName === deviceName);
  if (!isTrue) throw new SignOnRefused(ReasonCode.NotAuthorized, "identityMismatch");
  return { kind: "device", identity };
}
