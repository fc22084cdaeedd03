// Who enrolls (RFC 7030 §3.2.3, §3.3.2), in this order:
//   a certificate in the handshake       the device that it is, or the claim, which then provisions one
//   HTTP Basic                           {deviceName}&{productKey} and the device's secret, where its product has secrets on
import { createHmac, randomBytes } from "node:crypto";
import type { TLSSocket } from "node:tls";
import {
  type ClaimIdentity,
  type DeviceAddress,
  type DeviceApi,
  type DeviceIdentity,
  deviceNamePattern,
  PlatformError,
  productKeyPattern,
  serviceCaller,
} from "@mooring/contracts";
import type { FastifyRequest } from "fastify";
import { claimOf } from "../auth/guard.ts";
import { parseUsername } from "../auth/secret.ts";
import { peerAddress } from "../sockets.ts";
import { httpProtocol } from "./identify.ts";
import { type HttpProvisioningDeps, identifyClaim } from "./provisioning.ts";

export type EstClient =
  | { readonly kind: "device"; readonly identity: DeviceIdentity }
  | { readonly kind: "claim"; readonly claim: ClaimIdentity };

export interface EstClientDeps extends HttpProvisioningDeps {
  readonly devices: HttpProvisioningDeps["devices"] & Pick<DeviceApi, "authenticateSecret">;
  /** The device by the connection's certificate. */
  readonly identify: (socket: TLSSocket) => Promise<DeviceIdentity>;
}

const authorizationCharactersMax = 1_024;

export const estOrigin = ({ raw }: FastifyRequest) => ({ protocol: httpProtocol, address: peerAddress(raw.socket) ?? "" });

/** What the peer said in the handshake (SNI, RFC 6066 §3). */
export function serverNameOf(socket: TLSSocket): string | undefined {
  const { servername } = socket as TLSSocket & { readonly servername?: unknown };
  return typeof servername === "string" && servername !== "" ? servername : undefined;
}

/** Throws `unauthenticated`, `quotaExceeded` for who failed too often, or what says that nobody could tell. */
export async function identifyEstClient(deps: EstClientDeps, request: FastifyRequest): Promise<EstClient> {
  const socket = request.raw.socket as TLSSocket;
  if (socket.getPeerX509Certificate() === undefined) return { kind: "device", identity: await identifyBySecret(deps, request) };
  try {
    return { kind: "device", identity: await deps.identify(socket) };
  } catch (error) {
    if (!isClaim(error)) throw error;
    return { kind: "claim", claim: await identifyClaim(deps, socket, estOrigin(request)) };
  }
}

/** The devices service says so of a claim's certificate, which is no device's. */
function isClaim(error: unknown): boolean {
  const cause = error instanceof PlatformError ? error.cause : undefined;
  return cause instanceof PlatformError && cause.code === "failedPrecondition";
}

/** The secret signs something of this request's and is forgotten: the services see signatures alone. */
async function identifyBySecret({ devices, guard, rare }: EstClientDeps, request: FastifyRequest): Promise<DeviceIdentity> {
  const given = readBasic(request.headers.authorization);
  if (given === undefined) {
    rare.onAuthFailure("noCredential");
    throw new PlatformError(
      "unauthenticated",
      "send a certificate in the TLS handshake, or {deviceName}&{productKey} and the device's secret by HTTP Basic",
    );
  }
  const { device, secret } = given;
  const [claim, origin] = [claimOf(device), estOrigin(request)];
  if (!guard.mayTry(claim, origin)) {
    rare.onAuthFailure("heldOff");
    throw new PlatformError("quotaExceeded", "too many failures before; wait a minute");
  }
  const content = `est${randomBytes(16).toString("hex")}`;
  const signature = createHmac("sha256", secret).update(content).digest("hex");
  try {
    const proof = { ...device, signMethod: "hmacsha256", content, signature, origin };
    const identity = await devices.authenticateSecret(serviceCaller("gateway"), proof);
    guard.succeeded(claim, origin);
    return identity;
  } catch (error) {
    const code = error instanceof PlatformError ? error.code : "internal";
    rare.onAuthFailure(code === "unauthenticated" ? "secret" : code === "permissionDenied" ? "tenantSuspended" : "unavailable");
    if (code === "unauthenticated") guard.failed(claim, origin);
    throw error;
  }
}

/** Device names may have colons (RFC 7617 knows none in names), secrets have none. */
function readBasic(header: string | undefined): { readonly device: DeviceAddress; readonly secret: string } | undefined {
  if (header === undefined || header.length > authorizationCharactersMax) return undefined;
  const [, base64 = ""] = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header) ?? [];
  const text = Buffer.from(base64, "base64").toString("utf8");
  const at = text.lastIndexOf(":");
  const device = at === -1 ? undefined : parseUsername(text.slice(0, at));
  const secret = text.slice(at + 1);
  if (device === undefined || secret === "" || !deviceNamePattern.test(device.deviceName) || !productKeyPattern.test(device.productKey))
    return undefined;
  return { device, secret };
}
