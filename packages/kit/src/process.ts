import { Lifecycle, nextSignal, withTimeout } from "./lifecycle.ts";
import { createLog, type Log } from "./log.ts";
import { assertKnownSettings, loadSettings, type Setting, SettingError, type Settings, type SettingTable } from "./settings.ts";

/** An error to end the process with, at start or later: one sentence for the person who started it, no stack trace. */
export class StartError extends Error {
  override readonly name = "StartError";
}

/** How long the part that was being started when the signal came may take to be there, so that it can be stopped. */
const interruptedMs = 20_000;

/**
 * The life of every process: start the parts, wait for a signal, stop them in reverse order. Exits 1 with one sentence when a part
 * cannot start; what had started by then is stopped first.
 */
export async function runProcess(log: Log, start: (life: Lifecycle) => Promise<void>): Promise<void> {
  const life = new Lifecycle(log);
  process.on("unhandledRejection", (reason) => {
    log.error({ err: reason }, "unhandled rejection");
  });
  // From the very beginning: a start that is interrupted stops what it has started by then.
  const signalled = nextSignal();
  const starting = start(life);
  try {
    const started = starting.then(async () => {
      throw new StartError(`Stopped because ${await life.failed}.`);
    });
    // After a signal nobody waits for it any more.
    started.catch(() => undefined);
    const signal = await Promise.race([signalled, started]);
    log.info({ signal }, "stopping");
    await life.stop();
    await withTimeout(starting, interruptedMs, "the start did not end").catch((error: unknown) =>
      log.debug({ err: error }, "start interrupted"),
    );
    await life.stop();
    process.exitCode = 0;
  } catch (error) {
    await life.stop();
    reportStartFailure(error);
    process.exitCode = 1;
  }
  // Everything was stopped above; what might still hold the event loop (an idle keep-alive socket) must not hold the process.
  setTimeout(() => process.exit(), 1_000).unref();
}

/**
 * The main of every service: reads the settings in `table` (which holds processSettings), refuses unknown ones, and runs `start` as
 * `runProcess` does. A wrong setting ends the process with one sentence.
 */
export async function runService<const T extends SettingTable & Record<"logLevel" | "logPretty", Setting>>(
  name: string,
  table: T,
  start: (life: Lifecycle, settings: Settings<T>, log: Log) => Promise<void>,
): Promise<void> {
  try {
    assertKnownSettings([table], process.env);
    const settings = loadSettings(table, process.env);
    const { logLevel, logPretty } = settings as { readonly logLevel: string; readonly logPretty: boolean };
    const log = createLog({ name, level: logLevel, pretty: logPretty });
    await runProcess(log, (life) => start(life, settings, log));
  } catch (error) {
    reportStartFailure(error);
    process.exitCode = 1;
  }
}

/** Prints why a process could not start: the sentence alone when it is meant for the reader, the stack when we broke. */
export function reportStartFailure(error: unknown): void {
  process.stderr.write(`${error instanceof Error ? describe(error) : String(error)}\n`);
}

interface SystemError extends Error {
  readonly code: string;
  readonly address?: string;
  readonly hostname?: string;
  readonly port?: number;
}

const listenReasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "is already in use. Stop what uses it, or choose another port",
  EACCES: "may not be opened by this user. Choose another port",
  EADDRNOTAVAIL: "cannot be opened: this machine does not have that address. Choose another one",
  ENOTFOUND: "cannot be opened: there is no host of that name. Choose another one",
};

/** Operating errors carry their sentence: settings, starts, and, by name since kit knows nothing of the domain, PlatformErrors. */
function describe(error: Error): string {
  if (error instanceof SettingError || error instanceof StartError || error.name === "PlatformError") return error.message;
  if (!isSystemError(error)) return error.stack ?? error.message;
  const where = error.port === undefined ? (error.hostname ?? "an address") : `Port ${error.port} on ${error.address ?? "this machine"}`;
  return `${where} ${listenReasons[error.code]}: docs/config.md lists the settings.`;
}

function isSystemError(error: Error): error is SystemError {
  return "code" in error && typeof error.code === "string" && Object.hasOwn(listenReasons, error.code);
}
