import { expect, test } from "vitest";
import { findClient, run } from "./clients.ts";

test("a found client runs and hands back its code, output and errors", async ({ skip }) => {
  const openssl = await findClient("openssl");
  if (openssl === undefined) return skip("openssl is not to be had here");
  const digest = await run(openssl, ["dgst", "-sha256", "-r"], { input: "abc" });
  expect(digest.code).toBe(0);
  expect(digest.stdout).toContain("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const wrong = await run(openssl, ["bogus"]);
  expect(wrong.code).toBeGreaterThan(0);
  expect(wrong.stderr).not.toBe("");
});

test("a client that does not end is killed at its time limit", async () => {
  const sleep = { path: process.execPath, env: {} };
  const result = await run(sleep, ["-e", "setInterval(() => {}, 1000)"], { timeoutMs: 200 });
  expect(result.code).toBeNull();
});

test("a program that does not exist is an exception", async () => {
  await expect(run({ path: "/nonexistent/program", env: {} }, [])).rejects.toThrow("ENOENT");
});

test.for(["mosquitto_pub", "mosquitto_sub", "mosquitto", "coap-client"] as const)("%s has all its libraries", async (name, { skip }) => {
  const client = await findClient(name);
  if (client === undefined) return skip(`${name} is not to be had here`);
  const { stdout, stderr } = await run(client, ["-h"]);
  expect(stderr).not.toContain("error while loading shared libraries");
  expect(stdout + stderr).toMatch(/usage/i);
});
