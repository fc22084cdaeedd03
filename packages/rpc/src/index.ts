export type { ApiName, Apis } from "./apis.ts";
export { type Authenticate, authenticateByApiKey, authenticateInternal, callerMetadata } from "./caller.ts";
export { connectGrpc } from "./client.ts";
export {
  addressSettings,
  advertiseSettings,
  type InternalTls,
  internalChannelCredentials,
  internalServerCredentials,
  loadInternalTls,
  rpcSettings,
} from "./credentials.ts";
export { fromWireError } from "./errors.ts";
export { createInternalClients } from "./internal-clients.ts";
export { createNodeClients, type NodeClients } from "./node-clients.ts";
export { type InternalService, serveInternally } from "./serve-internally.ts";
export { type GrpcServerOptions, startGrpcServer } from "./server.ts";
