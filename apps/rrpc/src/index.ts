export { publishRrpcMetrics } from "./metrics.ts";
export { createPostgresCallStore } from "./postgres/call-store.ts";
export { createRrpcService, type RrpcDeps, type RrpcService } from "./service.ts";
export { startCallSweeper } from "./sweep.ts";
