import { startAllInOne } from "./all-in-one.ts";
import type { Api } from "./api.ts";
import { startSplit } from "./split.ts";

/** In how many processes the platform runs: every test file is for both. */
export type Mode = "all-in-one" | "split";

/** What someone needs to use a platform, as data. */
export interface PlatformAddress {
  readonly mode: Mode;
  /** `http://host:port`. */
  readonly rest: string;
  /** `host:port`, over TLS. */
  readonly grpc: string;
  /** `host:port`, over TLS. */
  readonly amqp: string;
  readonly mqtts: { readonly host: string; readonly port: number };
  /** For devices with a pre-shared key. */
  readonly mqttPsk: { readonly host: string; readonly port: number };
  /** `https://host:port`, the devices' door. */
  readonly https: string;
  /** What the platform's own certificate is verified by. */
  readonly caFile: string;
  /** The first owner's. */
  readonly apiKey: string;
  /** The platform's Postgres, for what nobody can ask of the platform itself yet: a second tenant. */
  readonly databaseUrl: string;
  /** Absent in one process, which has no Redis. */
  readonly redisUrl?: string;
}

/** A platform of one's own, which may be killed and started again; its addresses and data stay. */
export interface Platform extends PlatformAddress {
  readonly api: Api;
  /** What parts can be killed: processes, and the servers of others below them. */
  readonly parts: readonly string[];
  /** SIGKILL to one part, or to every one at the same time; resolves when they have ended. Nothing starts them again by itself. */
  kill9(part?: string): Promise<void>;
  /** SIGSTOP to a part with all it started, or to its one process, and SIGCONT: its connections stay open, and nobody answers. */
  freeze(part: string, alone?: boolean): void;
  thaw(part: string): void;
  /** Parts that were started and have ended without being told to. */
  ended(): readonly string[];
  /** Starts a part, or the whole, again; what still runs of it is stopped in order first. Resolves when it is ready. */
  restart(part?: string): Promise<void>;
  /** Stops everything in reverse order and removes its data. Resolves with the exit codes by part. May be called again. */
  stop(): Promise<ReadonlyMap<string, number | null>>;
  /** All that was printed, by part. */
  logs(): string;
}

export interface PlatformOptions {
  /** More for the environment of a part's process. */
  readonly environmentOf?: (part: string) => Readonly<Record<string, string>>;
  /** Where to keep data; a temporary folder, removed at the end, when absent. */
  readonly dataDir?: string;
  /** Called with the folder in which Postgres keeps its data, before it is started for the first time. */
  readonly onPostgresFolder?: (folder: string) => void;
  /**
   * Split: told once the `host:port` of a server (`postgres`, `redis`) or service (`events`) and returns the one under which the others are
   * told to reach it. For servers the address is known when they have started.
   */
  readonly via?: (part: string, address: string) => Promise<string>;
}

/** Starts a whole platform and resolves when all of it is ready. Throws, with the end of the logs and nothing left running, when it is not. */
export function startPlatform(mode: Mode, options: PlatformOptions = {}): Promise<Platform> {
  return mode === "split" ? startSplit(options) : startAllInOne(options);
}
