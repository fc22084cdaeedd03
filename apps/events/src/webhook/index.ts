export { readAddressRules, webhookSettings } from "./config.ts";
export { startWebhooks, type WebhookDeps } from "./runner.ts";
