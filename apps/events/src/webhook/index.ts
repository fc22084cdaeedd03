export { startWebhooks, type WebhookDeps } from "./runner.ts";
