import { assertKnownSettings, createLog, loadSettings, reportStartFailure, systemClock } from "@mooring/kit";
import { setupSettings } from "./config.ts";
import { setUp } from "./set-up.ts";

try {
  assertKnownSettings([setupSettings], process.env);
  const settings = loadSettings(setupSettings, process.env);
  const log = createLog({ name: "setup", level: settings.logLevel, pretty: settings.logPretty });
  await setUp(settings, log, systemClock.now());
} catch (error) {
  reportStartFailure(error);
  process.exitCode = 1;
}
