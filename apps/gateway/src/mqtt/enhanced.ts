// Enhanced authentication (MQTT 5 s4.12): one method, SCRAM-SHA-256, for operators' API keys; the user name is the key's id, the password its secret.
//
//   CONNECT method, client-first --> AUTH 0x18 server-first --> AUTH 0x18 client-final --> CONNACK method, server-final
//   AUTH 0x19 client-first       --> AUTH 0x18 server-first --> AUTH 0x18 client-final --> AUTH 0x00 server-final      (again, while open)
import { createHmac, randomBytes } from "node:crypto";
import { type AccessApi, type Caller, PlatformError, type ScramVerifier, serviceCaller } from "@mooring/contracts";
import { ReasonCode } from "@mooring/mqtt";
import { createChallenge, parseClientFirst, verifyProof } from "../auth/scram.ts";
import { SignOnRefused } from "./connect.ts";

export const scramMethod = "SCRAM-SHA-256";

/** Says this to the client in an AUTH packet and resolves with what it answers. Rejects with SignOnRefused when it answers otherwise. */
export type Ask = (data: Uint8Array) => Promise<Uint8Array>;

export interface Proved {
  readonly caller: Caller;
  readonly keyId: string;
  /** For the client: it proves the server. */
  readonly serverFinal: Buffer;
}

export interface EnhancedDeps {
  readonly access: Pick<AccessApi, "findScramVerifier">;
}

/** So that a name that does not exist is asked for its proof as any other is. */
const decoySecret = randomBytes(32);
const nonceBytes = 24;
const iterationsOfDecoy = 4_096;

/** Rejects with SignOnRefused: a method that is not there, a proof that is none, or nobody who could tell. */
export async function authenticateEnhanced(
  method: string,
  clientFirst: Uint8Array | undefined,
  ask: Ask,
  deps: EnhancedDeps,
): Promise<Proved> {
  if (method !== scramMethod) throw new SignOnRefused(ReasonCode.BadAuthenticationMethod, "protocol"); // [MQTT-4.12.0-1]
  // A client may leave its first message until it is asked for it.
  const first = parseClientFirst(clientFirst ?? (await ask(new Uint8Array(0))));
  if (first === undefined) throw new SignOnRefused(ReasonCode.NotAuthorized, "scram");
  const verifier = await findVerifier(first.user, deps);
  const challenge = createChallenge(first, verifier.salt, verifier.iterations, randomBytes(nonceBytes).toString("base64url"));
  const serverFinal = verifyProof(challenge, await ask(Buffer.from(challenge.text)), verifier);
  if (serverFinal === undefined || verifier.caller === undefined) throw new SignOnRefused(ReasonCode.NotAuthorized, "scram");
  return { caller: verifier.caller, keyId: first.user, serverFinal };
}

async function findVerifier(
  keyId: string,
  { access }: EnhancedDeps,
): Promise<Omit<ScramVerifier, "caller"> & { readonly caller?: Caller }> {
  try {
    return await access.findScramVerifier(serviceCaller("gateway"), { keyId });
  } catch (error) {
    const code = error instanceof PlatformError ? error.code : "internal";
    if (code === "permissionDenied") throw new SignOnRefused(ReasonCode.Banned, "tenantSuspended", error);
    if (code !== "unauthenticated") throw new SignOnRefused(ReasonCode.ServerUnavailable, "unavailable", error);
    const salt = createHmac("sha256", decoySecret).update(keyId).digest().subarray(0, 16);
    return { salt, iterations: iterationsOfDecoy, storedKey: randomBytes(32), serverKey: randomBytes(32) };
  }
}
