// Provisioning by a claim over HTTPS: one request, with the claim's certificate in the TLS handshake. The body and the answer are those of MQTT.
import type { TLSSocket } from "node:tls";
import { type ClaimIdentity, type DeviceApi, isJsonObject, PlatformError, serviceCaller } from "@mooring/contracts";
import type { FastifyInstance } from "fastify";
import { shownCertificate } from "../auth/client-certificate.ts";
import { claimOfCertificate, type Guard } from "../auth/guard.ts";
import type { RareCounters } from "../counters.ts";
import { parsePayload } from "../route/json-payload.ts";
import { nativeField, nativeTopic, type ProvisioningDeps, provisionNatively } from "../route/provisioning.ts";
import { peerAddress } from "../sockets.ts";
import { httpProtocol } from "./identify.ts";

export interface HttpProvisioningDeps extends ProvisioningDeps {
  readonly devices: ProvisioningDeps["devices"] & Pick<DeviceApi, "authenticateClaim">;
  readonly guard: Pick<Guard, "mayTry" | "failed" | "succeeded" | "mayRegister" | "registered">;
  readonly rare: RareCounters;
}

const bodyBytesMax = 65_536;

export function addProvisioning(app: Pick<FastifyInstance, "route">, deps: HttpProvisioningDeps): void {
  app.route({
    method: "POST",
    url: nativeTopic,
    bodyLimit: bodyBytesMax,
    handler: async (request, reply) => {
      // Who is provisioned comes again as itself.
      reply.header("connection", "close");
      const origin = { protocol: httpProtocol, address: peerAddress(request.raw.socket) ?? "" };
      const claim = await identifyClaim(deps, request.raw.socket as TLSSocket, origin);
      const { value, issue } = parsePayload(request.body instanceof Buffer ? request.body : Buffer.alloc(0), 3);
      if (issue !== undefined || !isJsonObject(value))
        throw new PlatformError("invalidArgument", issue?.message ?? "the body must be a JSON object");
      const body = await provisionNatively(deps, claim, value, origin).catch(rename);
      return reply.header("content-type", "application/json").send(Buffer.from(JSON.stringify(body)));
    },
  });
}

/** The claim whose certificate the connection has shown. Throws `unauthenticated`, or what says that nobody could tell. */
export async function identifyClaim(
  { devices, guard, rare }: Pick<HttpProvisioningDeps, "devices" | "guard" | "rare">,
  socket: TLSSocket,
  origin: { readonly protocol: string; readonly address: string },
): Promise<ClaimIdentity> {
  const certificateDer = shownCertificate(socket)?.der;
  if (certificateDer === undefined) {
    rare.onAuthFailure("noCredential");
    throw new PlatformError("unauthenticated", "send a claim's certificate in the TLS handshake");
  }
  const subject = claimOfCertificate(certificateDer);
  if (!guard.mayTry(subject, origin)) {
    rare.onAuthFailure("heldOff");
    throw new PlatformError("quotaExceeded", "too many failures before; wait a minute");
  }
  try {
    const claim = await devices.authenticateClaim(serviceCaller("gateway"), { certificateDer, origin });
    guard.succeeded(subject, origin);
    return claim;
  } catch (error) {
    const isVerdict = error instanceof PlatformError && error.code === "unauthenticated";
    rare.onAuthFailure(isVerdict ? "certificate" : "unavailable");
    if (isVerdict) guard.failed(subject, origin);
    throw error;
  }
}

export function rename(error: unknown): never {
  if (!(error instanceof PlatformError)) throw error;
  const issues = error.details.issues?.map(({ pointer, ...issue }) => ({ ...issue, pointer: nativeField(pointer) }));
  throw new PlatformError(error.code, nativeField(error.message), { cause: error, ...(issues && { issues }) });
}
