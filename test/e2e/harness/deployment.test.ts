import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type ComposeFile, parseComposeFile } from "./compose-file.ts";
import { root } from "./service-process.ts";

const read = (name: string): string => readFileSync(join(root, name), "utf8");
const secrets = { POSTGRES_PASSWORD: "p", REDIS_PASSWORD: "r", MOORING_KEY_ENCRYPTION_KEY: "k" };
const parse = (variables: Readonly<Record<string, string>>): ComposeFile => parseComposeFile(read("docker-compose.yml"), variables);
const file = parse(secrets);
const services = [...file.services.values()];

describe("docker-compose.yml", () => {
  test.each(Object.keys(secrets))("starts nothing while %s is missing or empty: there is no default secret", (name) => {
    expect(() => parse({ ...secrets, [name]: "" })).toThrow(name);
    const { [name]: _, ...others } = secrets as Record<string, string>;
    expect(() => parse(others)).toThrow(name);
  });

  test("publishes the public ports and no others, REST on this machine alone", () => {
    const published = services.flatMap(({ name, ports }) => ports.map((port) => `${name} ${port.hostIp ?? "*"}:${port.published}`));
    expect(published.sort()).toEqual([
      "admin-api *:5671",
      "admin-api *:9090",
      "admin-api 127.0.0.1:8080",
      "gateway *:8443",
      "gateway *:8883",
    ]);
  });

  test("lets nothing out of the internal network but the services with public ports, and those that ask webhooks and hooks", () => {
    expect(file.internalNetworks).toEqual(["internal"]);
    const open = services.filter(({ networks }) => networks.some((network) => !file.internalNetworks.includes(network)));
    expect(open.map(({ name }) => name).sort()).toEqual(["admin-api", "devices", "events", "gateway"]);
  });

  test("checks the health of everything that goes on running, and starts it again when it ends", () => {
    for (const { name, healthcheck, restart } of services.filter((service) => service.name !== "setup")) {
      expect(healthcheck, name).toBeDefined();
      expect(restart, name).toBe("unless-stopped");
    }
  });

  test("lets the services read certificates and write them nowhere but in setup", () => {
    for (const { name, mounts } of services.filter((service) => service.built && service.name !== "setup")) {
      for (const mount of mounts) expect(mount.readOnly, `${name}: ${mount.volume}`).toBe(mount.volume !== "first-key");
    }
  });

  test("runs programs that are there", () => {
    for (const { command } of services.filter((service) => service.built)) expect(existsSync(join(root, command[1] ?? ""))).toBe(true);
  });
});

test("Dockerfile copies what is there and what .dockerignore leaves in", () => {
  const sources = [...read("Dockerfile").matchAll(/^COPY (?!--from)(\S+) /gm)].map((match) => match[1] ?? "");
  const kept = read(".dockerignore").split("\n");
  expect(sources.filter((source) => source !== ".").sort()).toEqual(["apps", "packages", "prisma"]);
  for (const source of sources) expect(existsSync(join(root, source))).toBe(true);
  for (const source of sources.filter((name) => name !== ".")) expect(kept).toContain(`!${source}`);
});

test(".env.example holds no value that would be accepted as it is", () => {
  const values = [...read(".env.example").matchAll(/^([A-Z_]+)=(.*)$/gm)].map((match) => [match[1] ?? "", match[2] ?? ""]);
  expect(values.map(([name]) => name).sort()).toEqual(Object.keys(secrets).sort());
  expect(values.filter(([, value]) => value !== "")).toEqual([]);
});
