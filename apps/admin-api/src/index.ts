export { adminApiSettings } from "./config.ts";
export { buildOpenApi } from "./openapi.ts";
export type { Services } from "./route.ts";
export { type AdminDeps, createAdminServer } from "./server.ts";
export { type AdminApiOptions, startAdminApi } from "./start.ts";
