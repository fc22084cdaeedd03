import { join } from "node:path";
import type { Places } from "./addresses.ts";
import { translate } from "./addresses.ts";
import type { ComposeFile, ComposeService } from "./compose-file.ts";
import { becomesHealthy } from "./health.ts";
import { createImageService, type ImageServer, type ImageService } from "./image-services.ts";
import { signalTree } from "./process-tree.ts";
import { type ProcessOptions, type ServiceProcess, startServiceProcess, tailOf } from "./service-process.ts";

export interface ComposeRunOptions {
  readonly file: ComposeFile;
  readonly places: Places;
  /** Told the `host:port` of a server that is reached elsewhere than at its own address. */
  readonly onElsewhere: (service: string, port: number, address: string) => Promise<void>;
  /** More for the environment of a service's process. */
  readonly environmentOf?: ((service: string) => Readonly<Record<string, string>>) | undefined;
  readonly logDir: string;
}

const startsMax = 3;

type Part = { readonly process: ServiceProcess } | { readonly server: ImageServer };

/** The services of a compose file as processes: started in its order, killed and started again one by one or together. */
export class ComposeRun {
  readonly #options: ComposeRunOptions;
  readonly #images = new Map<string, ImageService>();
  readonly #parts = new Map<string, Part>();

  constructor(options: ComposeRunOptions) {
    this.#options = options;
    for (const service of options.file.services.values()) {
      if (service.built) continue;
      const folder = service.mounts[0] === undefined ? "" : options.places.folderOf(service.mounts[0].volume);
      this.#images.set(service.name, createImageService(service, folder));
    }
  }

  /** Starts everything and resolves when all of it is ready; each service as soon as its conditions are met. */
  async start(): Promise<void> {
    const ready = new Map<string, Promise<void>>();
    for (const service of this.#options.file.services.values()) {
      // Those it depends on come before it in the file's order, so they are there. Each condition is met when they are ready.
      const conditions = service.dependsOn.map((dependency) => ready.get(dependency.service));
      const started = Promise.all(conditions).then(() => this.#startOne(service));
      ready.set(service.name, started);
    }
    const results = await Promise.allSettled(ready.values());
    const failed = results.find((result) => result.status === "rejected");
    if (failed !== undefined) throw failed.reason;
  }

  async restart(name?: string): Promise<void> {
    if (name === undefined) {
      await this.stop();
      return this.start();
    }
    await this.#stopOne(this.#serviceOf(name));
    await this.#startOne(this.#serviceOf(name));
  }

  /** Together, so that none has time to notice that another one is gone. */
  async kill9(name?: string): Promise<void> {
    const names = name === undefined ? [...this.#parts.keys()] : [this.#serviceOf(name).name];
    const kills = names.map((each) => {
      const part = this.#parts.get(each);
      this.#parts.delete(each);
      if (part === undefined) return undefined;
      return "process" in part ? part.process.kill9() : part.server.kill9();
    });
    await Promise.all(kills);
  }

  signal(name: string, signal: NodeJS.Signals, alone = false): void {
    const part = this.#parts.get(name);
    if (part === undefined) throw new Error(`${name} does not run`);
    const { pid } = "process" in part ? part.process : part.server;
    if (alone) process.kill(pid, signal);
    else signalTree(pid, signal);
  }

  /** Processes that should run and do not. */
  ended(): readonly string[] {
    return [...this.#parts.entries()].flatMap(([name, part]) => {
      const runsToItsEnd = this.#options.file.services.get(name)?.healthcheck === undefined;
      return "process" in part && !runsToItsEnd && !part.process.isRunning() ? [name] : [];
    });
  }

  /** The processes at the same time, as `docker compose down` does with those that do not depend on each other; then the servers below them. */
  async stop(): Promise<ReadonlyMap<string, number | null>> {
    const codes = new Map<string, number | null>();
    const stopAll = async (services: readonly ComposeService[]): Promise<void> => {
      await Promise.all(
        services.map(async (service) => {
          const code = await this.#stopOne(service);
          if (code !== undefined) codes.set(service.name, code);
        }),
      );
    };
    const services = [...this.#options.file.services.values()].reverse();
    await stopAll(services.filter((service) => service.built));
    await stopAll(services.filter((service) => !service.built));
    return codes;
  }

  #serviceOf(name: string): ComposeService {
    const service = this.#options.file.services.get(name);
    if (service === undefined) throw new Error(`there is no service ${name}`);
    return service;
  }

  async #startOne(service: ComposeService): Promise<void> {
    const image = this.#images.get(service.name);
    if (image === undefined) return this.#startProcess(service);
    const server = await image.start();
    this.#parts.set(service.name, { server });
    await this.#options.onElsewhere(service.name, image.port, server.address);
  }

  async #startProcess(service: ComposeService): Promise<void> {
    const { file, places } = this.#options;
    const here = (text: string): string => translate(text, service, file, places);
    const entries = Object.entries(service.environment).map(([key, value]) => [key, here(value)] as const);
    const environment = Object.fromEntries(entries);
    const more = this.#options.environmentOf?.(service.name);
    const logFile = join(this.#options.logDir, `${service.name}.log`);
    // One that ends while it starts is started again, as its restart policy says, but not for ever: on a machine that has too much to do what it
    // waits for may be late.
    for (let start = 1; ; start += 1) {
      const outcome = await this.#tryToStart(service, { environment: { ...environment, ...more }, logFile });
      if (outcome === "healthy") return;
      if (outcome === "ended" && service.restart === "unless-stopped" && start < startsMax) continue;
      throw new Error(`${service.name} ${outcome}:\n${tailOf(logFile)}`);
    }
  }

  async #tryToStart(service: ComposeService, options: Pick<ProcessOptions, "environment" | "logFile">): Promise<string> {
    const { file, places } = this.#options;
    const process = await startServiceProcess({ command: service.command, ...options });
    this.#parts.set(service.name, { process });
    if (service.healthcheck === undefined) {
      // Without a health check it is one that runs to its end.
      const code = await process.exited;
      return code === 0 ? "healthy" : `ended with ${code}`;
    }
    const check = { ...service.healthcheck, test: service.healthcheck.test.map((text) => translate(text, service, file, places)) };
    const healthy = await becomesHealthy({ check, environment: options.environment, isRunning: process.isRunning });
    if (healthy) return "healthy";
    return process.isRunning() ? "is not healthy" : "ended";
  }

  async #stopOne(service: ComposeService): Promise<number | null | undefined> {
    const part = this.#parts.get(service.name);
    this.#parts.delete(service.name);
    if (part === undefined) return undefined;
    if ("process" in part) return part.process.stop(service.stopGraceMs);
    await part.server.stop();
    return undefined;
  }
}
