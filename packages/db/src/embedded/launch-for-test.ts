// A process that only runs an embedded Postgres, for the tests that kill it: prints the address in one line and stops on SIGTERM.
import { silentLog } from "@mooring/kit";
import { startEmbeddedPostgres } from "./start.ts";

const server = await startEmbeddedPostgres({ dataDir: process.argv[2] ?? "", port: 0, log: silentLog });
process.on("SIGTERM", () => void server.stop());
process.stdout.write(`${JSON.stringify({ pid: server.pid, connectionString: server.connectionString })}\n`);
