export type { ModelStore } from "./ports.ts";
export { createPostgresModelStore } from "./postgres/store.ts";
export { createThingModelService, type ThingModelServiceDeps } from "./service.ts";
