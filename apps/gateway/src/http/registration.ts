// Registration over HTTPS (wire formats §2.3), for devices that know their product's secret and have nothing of their own yet, no certificate either.
import {
  type DeviceApi,
  type ErrorCode,
  errorTable,
  PlatformError,
  type RegistrationProof,
  serviceCaller,
  toPlatformError,
} from "@mooring/contracts";
import type { Log } from "@mooring/kit";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { claimOf, type Guard } from "../auth/guard.ts";
import { peerAddress } from "../sockets.ts";
import { httpProtocol, type IdentifyDeps } from "./identify.ts";

export interface HttpRegistrationDeps extends IdentifyDeps {
  readonly devices: Pick<DeviceApi, "authenticateCertificate" | "registerDevice">;
  readonly guard: Pick<Guard, "mayTry" | "failed" | "succeeded" | "mayRegister" | "registered">;
  readonly log: Log;
}

const messages: { readonly [K in ErrorCode]?: string } = {
  quotaExceeded: "too many registrations; try again later",
  permissionDenied: "the tenant is suspended",
};

/** Five short fields. */
const bodyBytesMax = 4_096;

export function addRegistration(app: Pick<FastifyInstance, "route">, deps: HttpRegistrationDeps): void {
  app.route({
    method: "POST",
    url: "/auth/register/device",
    bodyLimit: bodyBytesMax,
    handler: async (request, reply) => {
      // Who registers comes again by another way, or as somebody.
      reply.header("connection", "close");
      try {
        const { productKey, deviceName, deviceSecret } = await register(deps, request);
        return send(reply, 200, { code: 200, data: { productKey, deviceName, deviceSecret }, message: "success" });
      } catch (error) {
        const { code } = toPlatformError(error);
        if (code === "internal" || code === "unavailable") deps.log.warn({ err: error }, "a device could not be registered");
        // One answer for all that may be wrong: which it was is the operator's to know.
        const known = code === "unauthenticated" || code === "invalidArgument" ? "unauthenticated" : code;
        const message = messages[known] ?? "the device could not be registered";
        return send(reply, errorTable[known].http, { code: errorTable[known].alink, message });
      }
    },
  });
}

async function register({ devices, guard, rare }: HttpRegistrationDeps, request: FastifyRequest) {
  const origin = { protocol: httpProtocol, address: peerAddress(request.raw.socket) ?? "" };
  const proof = readProof(request.body);
  const claim = claimOf(proof);
  if (!guard.mayTry(claim, origin) || !guard.mayRegister(proof?.productKey ?? "", origin.address)) {
    rare.onAuthFailure("heldOff");
    throw new PlatformError("quotaExceeded", "held off");
  }
  try {
    if (proof === undefined) throw new PlatformError("unauthenticated", "no registration");
    const registered = await devices.registerDevice(serviceCaller("gateway"), { ...proof, origin });
    guard.succeeded(claim, origin);
    guard.registered(proof.productKey);
    return registered;
  } catch (error) {
    const isVerdict = error instanceof PlatformError && error.code === "unauthenticated";
    const isSuspended = error instanceof PlatformError && error.code === "permissionDenied";
    rare.onAuthFailure(isVerdict ? "registration" : isSuspended ? "tenantSuspended" : "unavailable");
    if (isVerdict) guard.failed(claim, origin);
    throw error;
  }
}

/** `application/x-www-form-urlencoded`; undefined unless each field is there once. */
function readProof(body: unknown): RegistrationProof | undefined {
  const fields = new URLSearchParams(body instanceof Buffer ? body.toString("utf8") : "");
  const get = (name: string): string => (fields.getAll(name).length === 1 ? (fields.get(name) ?? "") : "");
  const proof = {
    ...{ productKey: get("productKey"), deviceName: get("deviceName"), way: "register" },
    ...{ signMethod: get("signMethod"), random: get("random"), signature: get("sign") },
  };
  return Object.values(proof).every((value) => value !== "") ? proof : undefined;
}

function send(reply: FastifyReply, status: number, body: object): FastifyReply {
  return reply
    .code(status)
    .header("content-type", "application/json")
    .send(Buffer.from(JSON.stringify(body)));
}
