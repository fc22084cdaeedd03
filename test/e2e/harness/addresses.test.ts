import { describe, expect, test } from "vitest";
import { createPlaces, translate } from "./addresses.ts";
import { parseComposeFile } from "./compose-file.ts";

const file = parseComposeFile(
  `
services:
  database: {image: "postgres:18", networks: [inside]}
  events: {image: mooring, networks: [inside]}
  gateway: {image: mooring, networks: [inside, outside], volumes: ["tls:/var/tls"]}
  lonely: {image: mooring, networks: [outside]}
networks: {inside: {internal: true}, outside: {}}
volumes: {tls: {}}`,
  {},
);
const places = createPlaces(file, "/tmp/volumes", new Map([["database:5432", "127.0.0.1:40001"]]));

function here(text: string, name = "gateway"): string {
  const service = file.services.get(name);
  if (service === undefined) throw new Error(name);
  return translate(text, service, file, places);
}

describe("what a container's setting means for a process", () => {
  test("every service has a loopback address of its own", () => {
    const hosts = [...file.services.keys()].map((name) => places.hostOf(name));
    expect(new Set(hosts).size).toBe(hosts.length);
    for (const host of hosts) expect(host).toMatch(/^127\.(?!0\.)\d+\.\d+\.\d+$/);
  });

  test.each([
    ["0.0.0.0:8883", () => `${places.hostOf("gateway")}:8883`],
    ["http://127.0.0.1:9464/readyz", () => `http://${places.hostOf("gateway")}:9464/readyz`],
    ["events:7000", () => `${places.hostOf("events")}:7000`],
    ["postgresql://me:12ab@database:5432/mooring", () => "postgresql://me:12ab@127.0.0.1:40001/mooring"],
    ["/var/tls", () => "/tmp/volumes/tls"],
    ["/var/tls/ca.pem", () => "/tmp/volumes/tls/ca.pem"],
    ["/var/tlsx", () => "/var/tlsx"],
    ["localhost,127.0.0.1,::1", () => "localhost,127.0.0.1,::1"],
    ["info", () => "info"],
  ])("%s", (text, expected) => {
    expect(here(text)).toBe(expected());
  });

  test("a service out of reach is an error, as it would be between containers", () => {
    expect(() => here("events:7000", "lonely")).toThrow("shares no network");
  });
});
