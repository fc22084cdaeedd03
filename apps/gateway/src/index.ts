export { createAnswerCall } from "./answer-call.ts";
export { gatewaySettings } from "./config.ts";
export { type Gateway, startGateway } from "./gateway.ts";
export type { GatewayDeps, GatewayLimits, GatewayOptions } from "./ports.ts";
export type { AnswerCall } from "./route/call-answers.ts";
