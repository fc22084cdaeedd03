import { StartError } from "@mooring/kit";
import { expect, test } from "vitest";
import { assertTenantHost, serverNameOf, tenantOfServerName } from "./server-name.ts";

const tenantId = "0b9f3a51-2c2e-4a58-9a45-2f8f6d0c1e11";
const host = "iot.example.com";

test("a tenant's name is its id under the host, in whatever case, with or without the last dot", () => {
  const name = serverNameOf(tenantId, "IoT.Example.com");
  expect(name).toBe(`${tenantId}.${host}`);
  for (const said of [name, name.toUpperCase(), `${name}.`]) expect(tenantOfServerName(said, host)).toBe(tenantId);
});

test.each([
  undefined,
  "",
  host,
  `mqtt.${host}`,
  tenantId,
  `${tenantId}.`,
  `${tenantId}.example.com`,
  `x.${tenantId}.${host}`,
  `${tenantId}.x${host}`,
  `${tenantId}-.${host}`,
  `${"g".repeat(36)}.${host}`,
])("%s names no tenant", (said) => {
  expect(tenantOfServerName(said, host)).toBeUndefined();
});

test("where tenants have no names, none is looked at; a host that is none ends the start", () => {
  expect(tenantOfServerName(`${tenantId}.${host}`, undefined)).toBeUndefined();
  for (const good of [undefined, host, "localhost", "A-1.test"]) expect(() => assertTenantHost(good), good).not.toThrow();
  for (const bad of [
    "",
    "iot.example.com:8883",
    "*.example.com",
    ".example.com",
    "a..b",
    "-a.test",
    "x".repeat(64),
    `${"a.".repeat(120)}test`,
  ])
    expect(() => assertTenantHost(bad), bad).toThrow(StartError);
});
