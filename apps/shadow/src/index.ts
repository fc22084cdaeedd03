export { shadowSettings } from "./config.ts";
export { type ShadowFollower, startShadowFollower } from "./follow.ts";
export { publishShadowMetrics } from "./metrics.ts";
export type { Gateways } from "./ports.ts";
export { createPostgresShadowHistory } from "./postgres/shadow-history.ts";
export { createPostgresShadowStore } from "./postgres/shadow-store.ts";
export { createShadowService, type ShadowDeps, type ShadowService } from "./service.ts";
export { type StartShadowDeps, startShadow } from "./start.ts";
export { startShadowUpkeep } from "./upkeep.ts";
