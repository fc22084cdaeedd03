import { describe, expect, test } from "vitest";
import { parseComposeFile } from "./compose-file.ts";
import { interpolate } from "./interpolate.ts";

const file = (service: string, more = ""): string => `
services:
  one:
    image: mooring
    ${service}
networks: {inside: {internal: true}}
volumes: {kept: {}}
${more}`;

describe("a compose file", () => {
  test("is read with merged anchors, variables and times", () => {
    const text = `
x-base: &base
  image: mooring
  build: .
  restart: unless-stopped
services:
  two:
    <<: *base
    command: [node, "\${MAIN}"]
    environment: {A: 1, B: true, C: "\${MISSING:-default}"}
    depends_on: {one: {condition: service_completed_successfully}}
    healthcheck: {test: [CMD, "true"], interval: 500ms, timeout: 2s, start_period: 1m}
    ports: ["127.0.0.1:8080:80", "9090:90"]
    volumes: ["kept:/var/kept:ro"]
    networks: [inside]
  one: {<<: *base, networks: [inside]}
networks: {inside: {internal: true}}
volumes: {kept: }
`;
    const { services, internalNetworks } = parseComposeFile(text, { MAIN: "main.ts" });
    expect([...services.keys()]).toEqual(["one", "two"]);
    expect(internalNetworks).toEqual(["inside"]);
    expect(services.get("two")).toMatchObject({
      built: true,
      command: ["node", "main.ts"],
      environment: { A: "1", B: "true", C: "default" },
      dependsOn: [{ service: "one", condition: "service_completed_successfully" }],
      healthcheck: { test: ["CMD", "true"], intervalMs: 500, timeoutMs: 2_000, startPeriodMs: 60_000 },
      ports: [
        { hostIp: "127.0.0.1", published: 8080, target: 80 },
        { published: 9090, target: 90 },
      ],
      mounts: [{ volume: "kept", target: "/var/kept", readOnly: true }],
      restart: "unless-stopped",
    });
  });

  test.each([
    ["a key that is not understood", "privileged: true", "privileged"],
    ["a folder of the machine", 'volumes: ["/etc:/etc"]', "/etc:/etc"],
    ["a volume that is not declared", 'volumes: ["lost:/x"]', "lost"],
    ["a network that is not declared", "networks: [outside]", "outside"],
    ["a range of ports", 'ports: ["8000-8010:8000"]', "8000-8010"],
    ["a command that is text", "command: node main.ts", "command"],
    ["a dependency that is not there", "depends_on: {two: {condition: service_started}}", "circle or nowhere"],
    ["a condition that is not known", "depends_on: {one: {condition: service_happy}}", "service_happy"],
    ["a health check of another kind", "healthcheck: {test: [NONE]}", "NONE"],
    ["a time without a unit", "stop_grace_period: 10", "10"],
  ])("with %s is refused, with the place named", (_, service, named) => {
    expect(() => parseComposeFile(file(service), {})).toThrow(named);
  });

  test("with an unknown part is refused", () => {
    expect(() => parseComposeFile(file("", "secrets: {}"), {})).toThrow("secrets");
  });
});

describe("variables", () => {
  test.each([
    [`$A and \${A}`, "a and a"],
    ["$$A", "$A"],
    [`\${A:-b}\${NONE:-b}\${EMPTY:-c}\${EMPTY-c}`, "abc"],
    [`\${A:?needed}`, "a"],
  ])("%s becomes %s", (text, expected) => {
    expect(interpolate(text, { A: "a", EMPTY: "" })).toBe(expected);
  });

  test.each([`\${NONE:?needed}`, `\${EMPTY:?needed}`, "$NONE", `\${A`, `\${A:+b}`])("%s is refused", (text) => {
    expect(() => interpolate(text, { A: "a", EMPTY: "" })).toThrow();
  });
});
