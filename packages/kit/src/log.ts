import { pino } from "pino";

/** What the rest of the code may ask of a logger: facts first, then a sentence. Pino's own shape. */
export interface Log {
  debug(facts: object, message: string): void;
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
  child(facts: object): Log;
}

export interface LogOptions {
  readonly name: string;
  readonly level: string;
  /** Lines for people instead of JSON. */
  readonly pretty?: boolean;
}

/** Logs to standard error, so that standard output stays free for what the user asked to see. Secrets under these keys print as ***. */
export function createLog(options: LogOptions): Log {
  const settings = {
    name: options.name,
    level: options.level,
    serializers: { err: (error: unknown) => serializeError(error) },
    redact: { paths: ["secret", "password", "authorization", "*.secret", "*.password", "*.authorization"], censor: "***" },
  };
  if (!options.pretty) return pino(settings, pino.destination({ dest: 2, sync: false }));
  return pino({
    ...settings,
    transport: { target: "pino-pretty", options: { destination: 2, ignore: "pid,hostname", translateTime: "SYS:HH:MM:ss.l" } },
  });
}

interface LoggedError {
  readonly type: string;
  readonly message: string;
  readonly code?: unknown;
  readonly stack?: string;
  readonly cause?: unknown;
}

/** What is said of an error, and no more: drivers hang their connections on errors, passwords included. */
function serializeError(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return error;
  const logged: LoggedError = {
    type: error.name,
    message: error.message,
    ...("code" in error ? { code: error.code } : {}),
    ...(error.stack === undefined ? {} : { stack: error.stack }),
    ...(error.cause === undefined || depth > 3 ? {} : { cause: serializeError(error.cause, depth + 1) }),
  };
  return logged;
}

/** For tests and tools that want silence. */
export const silentLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  child: () => silentLog,
};
