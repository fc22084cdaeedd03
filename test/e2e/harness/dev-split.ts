// `npm run dev:split`: what docker-compose.yml describes, as plain processes, until Ctrl-C.
import { nextSignal } from "@mooring/kit";
import { formatBanner } from "./banner.ts";
import { startPlatform } from "./platform.ts";

const signal = nextSignal();
try {
  process.stdout.write("Starting the services of docker-compose.yml as processes ...\n");
  const platform = await startPlatform("split");
  process.stdout.write(`${formatBanner(platform)}\n`);
  await signal;
  process.stdout.write("Stopping.\n");
  await platform.stop();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
