import { parse } from "yaml";
import { interpolateAll, type Variables } from "./interpolate.ts";
import { listOf, mapOf, onlyKeys, textOf } from "./read-yaml.ts";

/** When the service depended on is far enough: running, answering its health check, or ended with exit code 0. */
export type Condition = "service_started" | "service_healthy" | "service_completed_successfully";

export interface Mount {
  readonly volume: string;
  /** The folder in the container. */
  readonly target: string;
  readonly readOnly: boolean;
}

/** A port of the container that the world can reach. */
export interface PublishedPort {
  /** The address of the machine it is published on; every address when absent. */
  readonly hostIp?: string;
  readonly published: number;
  readonly target: number;
}

export interface Healthcheck {
  readonly test: readonly string[];
  readonly timeoutMs: number;
  readonly retries: number;
  readonly intervalMs: number;
  readonly startPeriodMs: number;
  readonly startIntervalMs: number;
}

export interface ComposeService {
  readonly name: string;
  readonly image: string;
  /** Made from our Dockerfile rather than fetched. */
  readonly built: boolean;
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly dependsOn: readonly { readonly service: string; readonly condition: Condition }[];
  readonly healthcheck?: Healthcheck;
  readonly mounts: readonly Mount[];
  readonly ports: readonly PublishedPort[];
  readonly networks: readonly string[];
  readonly restart: string;
  readonly stopGraceMs: number;
}

export interface ComposeFile {
  /** By name; a service comes after those it depends on. */
  readonly services: ReadonlyMap<string, ComposeService>;
  /** Networks that have no way out. */
  readonly internalNetworks: readonly string[];
}

const topKeys = ["name", "services", "networks", "volumes"];
/** What a plain process has no counterpart for; the rest of what a service may say is taken over. */
const hardening = ["init", "read_only", "cap_drop", "security_opt"];
const serviceKeys = [
  ...["image", "build", "command", "environment", "depends_on", "healthcheck", "volumes", "ports", "networks", "restart"],
  ...["stop_grace_period", ...hardening],
];

/** Reads a compose file with the variables of its `.env`. Throws for whatever in it is not understood: what was not read was not proved. */
export function parseComposeFile(text: string, variables: Variables): ComposeFile {
  const file = mapOf(interpolateAll(parse(text, { merge: true }) as unknown, variables), "the file");
  onlyKeys(file, [...topKeys, ...Object.keys(file).filter((key) => key.startsWith("x-"))], "the file");
  const networks = mapOf(file["networks"], "networks");
  const volumes = Object.keys(mapOf(file["volumes"], "volumes"));
  const services = Object.entries(mapOf(file["services"], "services")).map(([name, value]) => readService(name, value));
  for (const service of services) {
    for (const network of service.networks) assertKnown(network, ["default", ...Object.keys(networks)], `${service.name}: network`);
    for (const { volume } of service.mounts) assertKnown(volume, volumes, `${service.name}: volume`);
  }
  const internalNetworks = Object.keys(networks).filter((name) => mapOf(networks[name], name)["internal"] === true);
  return { services: inOrder(services), internalNetworks };
}

function readService(name: string, value: unknown): ComposeService {
  const service = mapOf(value, name);
  onlyKeys(service, serviceKeys, name);
  const environment = Object.entries(mapOf(service["environment"] ?? {}, `${name}: environment`));
  const healthcheck = service["healthcheck"];
  return {
    name,
    image: textOf(service["image"], `${name}: image`),
    built: service["build"] !== undefined,
    command: listOf(service["command"] ?? [], `${name}: command`).map((word) => textOf(word, `${name}: command`)),
    environment: Object.fromEntries(environment.map(([key, item]) => [key, textOf(item, `${name}: ${key}`)])),
    dependsOn: readDependencies(name, service["depends_on"] ?? {}),
    ...(healthcheck === undefined ? {} : { healthcheck: readHealthcheck(name, healthcheck) }),
    mounts: listOf(service["volumes"] ?? [], `${name}: volumes`).map((item) => readMount(name, textOf(item, `${name}: volumes`))),
    ports: listOf(service["ports"] ?? [], `${name}: ports`).map((item) => readPort(name, textOf(item, `${name}: ports`))),
    networks: listOf(service["networks"] ?? ["default"], `${name}: networks`).map((item) => textOf(item, `${name}: networks`)),
    restart: textOf(service["restart"] ?? "no", `${name}: restart`),
    stopGraceMs: readDuration(service["stop_grace_period"] ?? "10s", `${name}: stop_grace_period`),
  };
}

function readDependencies(name: string, value: unknown): ComposeService["dependsOn"] {
  const conditions: readonly string[] = ["service_started", "service_healthy", "service_completed_successfully"];
  return Object.entries(mapOf(value, `${name}: depends_on`)).map(([service, item]) => {
    const entry = mapOf(item, `${name}: depends_on ${service}`);
    onlyKeys(entry, ["condition"], `${name}: depends_on ${service}`);
    const condition = textOf(entry["condition"], `${name}: depends_on ${service}`);
    assertKnown(condition, conditions, `${name}: condition`);
    return { service, condition: condition as Condition };
  });
}

function readHealthcheck(name: string, value: unknown): Healthcheck {
  const what = `${name}: healthcheck`;
  const check = mapOf(value, what);
  onlyKeys(check, ["test", "timeout", "retries", "interval", "start_period", "start_interval"], what);
  const test = listOf(check["test"], what).map((word) => textOf(word, what));
  assertKnown(test[0] ?? "", ["CMD", "CMD-SHELL"], what);
  return {
    test,
    timeoutMs: readDuration(check["timeout"] ?? "30s", what),
    retries: Number(check["retries"] ?? 3),
    intervalMs: readDuration(check["interval"] ?? "30s", what),
    startPeriodMs: readDuration(check["start_period"] ?? "0s", what),
    startIntervalMs: readDuration(check["start_interval"] ?? "5s", what),
  };
}

/** Named volumes only: a folder of the machine would be another machine's. */
function readMount(name: string, text: string): Mount {
  const match = /^([a-z][\w.-]*):(\/[^:]*)(:ro)?$/.exec(text);
  if (match === null) throw new Error(`${name}: the volume ${JSON.stringify(text)} is not understood`);
  return { volume: match[1] ?? "", target: match[2] ?? "", readOnly: match[3] !== undefined };
}

function readPort(name: string, text: string): PublishedPort {
  const match = /^(?:([\d.]+):)?(\d+):(\d+)$/.exec(text);
  if (match === null) throw new Error(`${name}: the port ${JSON.stringify(text)} is not understood`);
  const port = { published: Number(match[2]), target: Number(match[3]) };
  return match[1] === undefined ? port : { ...port, hostIp: match[1] };
}

function readDuration(value: unknown, what: string): number {
  const match = /^(\d+)(ms|s|m)$/.exec(textOf(value, what));
  if (match === null) throw new Error(`${what}: ${JSON.stringify(value)} is no time such as 10s`);
  return Number(match[1]) * ({ ms: 1, s: 1_000, m: 60_000 }[match[2] ?? ""] ?? 0);
}

function inOrder(services: readonly ComposeService[]): ReadonlyMap<string, ComposeService> {
  const sorted = new Map<string, ComposeService>();
  for (let rest = [...services]; rest.length > 0; ) {
    const ready = rest.filter((service) => service.dependsOn.every((dependency) => sorted.has(dependency.service)));
    if (ready.length === 0) throw new Error(`depends_on of ${rest.map(({ name }) => name).join(", ")} leads in a circle or nowhere`);
    for (const service of ready) sorted.set(service.name, service);
    rest = rest.filter((service) => !sorted.has(service.name));
  }
  return sorted;
}

function assertKnown(name: string, known: readonly string[], what: string): void {
  if (!known.includes(name)) throw new Error(`${what} ${JSON.stringify(name)} is not known; there are ${known.join(", ")}`);
}
