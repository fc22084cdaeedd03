export { parseAddress } from "./address.ts";
export { type Clock, createSteadyClock, monotonicClock, steadyClock, systemClock } from "./clock.ts";
export { deduplicationSettings } from "./deduplication-settings.ts";
export { createEventId } from "./event-id.ts";
export { makeStringsFast } from "./fast-strings.ts";
export { deriveMessageId, givenIdRule, isGivenId } from "./given-id.ts";
export { Lifecycle, nextSignal, type Running, withTimeout } from "./lifecycle.ts";
export { createLog, type Log, silentLog } from "./log.ts";
export { createMetrics, type Metrics } from "./metrics.ts";
export { listen, runChecks, startOpsServer } from "./ops-server.ts";
export { type AddressRules, createAddressRules } from "./outgoing/networks.ts";
export { createResolve, type Resolve } from "./outgoing/resolve.ts";
export { outgoingSettings, readAddressRules } from "./outgoing/settings.ts";
export { type SignedHeaders, signBody } from "./outgoing/signature.ts";
export { lookUpTarget, readTarget, TargetRefused } from "./outgoing/target.ts";
export { pause, startLoop } from "./poll.ts";
export { reportStartFailure, runProcess, runService, StartError } from "./process.ts";
export { processSettings } from "./process-settings.ts";
export { followServerTls, loadServerTls, type ServerTls, type ServerTlsDeps } from "./server-tls.ts";
export {
  assertKnownSettings,
  type Environment,
  loadSettings,
  type Setting,
  SettingError,
  type Settings,
  type SettingTable,
} from "./settings.ts";
export { TimerWheel, type TimerWheelOptions, WheelEntry } from "./timer-wheel.ts";
