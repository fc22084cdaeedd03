import { fileURLToPath } from "node:url";
import { clientNames, findClient } from "./clients.ts";
import { findFaketime } from "./faketime.ts";
import { findPackages } from "./npm-cache.ts";
import { startRedis } from "./redis.ts";

const sdkFolder = fileURLToPath(new URL("../../../test/e2e/sdks", import.meta.url));

/**
 * Fetches everything the tests can use ahead of time and prints where it is: `node packages/testkit/src/fetch-tools.ts`.
 * Ends with code 1 when something is missing.
 */
async function main(): Promise<void> {
  const lines: string[] = [];
  let missing = 0;
  for (const name of clientNames) {
    const client = await findClient(name);
    if (client === undefined) missing += 1;
    lines.push(`${name.padEnd(14)} ${client?.path ?? "MISSING"}`);
  }
  const faketime = await findFaketime();
  if (faketime === undefined) missing += 1;
  lines.push(`${"libfaketime".padEnd(14)} ${faketime ?? "MISSING"}`);
  const sdks = await findPackages(sdkFolder);
  if (sdks === undefined) missing += 1;
  lines.push(`${"device SDKs".padEnd(14)} ${sdks ?? "MISSING"}`);
  const redis = await startRedis();
  if (redis === undefined) missing += 1;
  lines.push(`${"redis-server".padEnd(14)} ${redis === undefined ? "MISSING" : "starts and answers"}`);
  await redis?.stop();
  process.stdout.write(`${lines.join("\n")}\n`);
  process.exitCode = missing === 0 ? 0 : 1;
}

await main();
