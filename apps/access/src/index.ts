export { type BootstrapDeps, bootstrapTenant } from "./bootstrap.ts";
export { accessSettings } from "./config.ts";
export { writeFirstKey } from "./first-key-file.ts";
export type { AccessStore } from "./ports.ts";
export { createPostgresAccessStore } from "./postgres/store.ts";
export { type AccessServiceDeps, createAccessService } from "./service.ts";
