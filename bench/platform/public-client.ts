import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { CallCredentials, ChannelCredentials, Metadata } from "@grpc/grpc-js";
import { serviceCaller } from "@mooring/contracts";
import type { Running } from "@mooring/kit";
import { type ApiName, type Apis, connectGrpc } from "@mooring/rpc";
import type { Platform } from "./start-platform.ts";

/** For the first argument of each method: on the public listener the API key alone says who calls. */
export const nobody = serviceCaller("bench");

/** A service's interface over the public gRPC listener, as back ends use it. */
export function connectPublic<K extends ApiName>(platform: Platform, name: K): Apis[K] & Running {
  const key = CallCredentials.createFromMetadataGenerator((_, callback) => {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${platform.apiKey}`);
    callback(null, metadata);
  });
  const verify = { checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity("localhost", certificate) };
  const tls = ChannelCredentials.createSsl(Buffer.from(platform.caPem), null, null, verify);
  return connectGrpc(name, platform.grpc, tls.compose(key));
}
