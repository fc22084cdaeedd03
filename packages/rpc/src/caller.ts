import { Metadata } from "@grpc/grpc-js";
import { type AccessApi, type Caller, PlatformError, serviceCaller } from "@mooring/contracts";

/** How a server finds out on whose behalf a call is made. Throws `unauthenticated`. */
export type Authenticate = (metadata: Metadata) => Promise<Caller>;

const callerKey = "mooring-caller-bin";

/** Sends the original caller along, for the next service to check itself. */
export function callerMetadata(caller: Caller): Metadata {
  const metadata = new Metadata();
  metadata.set(callerKey, Buffer.from(JSON.stringify(caller)));
  return metadata;
}

/** For listeners inside, whose peers proved by mutual TLS that they are our own processes: the caller is whom they say. */
export const authenticateInternal: Authenticate = (metadata) => {
  const value = metadata.get(callerKey)[0];
  if (!(value instanceof Buffer)) return Promise.reject(new PlatformError("unauthenticated", "the call carries no caller"));
  return Promise.resolve(JSON.parse(value.toString("utf8")) as Caller);
};

/** For the public listener: `authorization: Bearer {API key}`. What a peer says about callers is not looked at. */
export function authenticateByApiKey(access: Pick<AccessApi, "authenticateKey">): Authenticate {
  return (metadata) => {
    const value = metadata.get("authorization")[0];
    const match = typeof value === "string" ? /^Bearer ([\x21-\x7e]{1,200})$/i.exec(value) : null;
    if (match === null) return Promise.reject(new PlatformError("unauthenticated", "send metadata authorization: Bearer <API key>"));
    return access.authenticateKey(serviceCaller("grpc"), { secret: match[1] ?? "" });
  };
}
