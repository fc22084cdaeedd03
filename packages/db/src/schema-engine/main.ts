import { parseEngineArguments } from "./arguments.ts";
import { type CommandOutcome, canConnect, createDatabase } from "./database-command.ts";
import { serve } from "./json-rpc.ts";
import { openWasmEngine } from "./wasm-engine.ts";

const options = parseEngineArguments(process.argv.slice(2));
const url = options.url ?? process.env["DATABASE_URL"];
const withUrl = url === undefined ? options : { ...options, url };

/** The command line reads the last line of standard error, a log record in JSON, for why a command failed. */
function report(outcome: CommandOutcome): void {
  const fields = outcome.ok ? { message: "ok" } : { message: outcome.message, error_code: outcome.code };
  const record = { timestamp: new Date().toISOString(), level: outcome.ok ? "INFO" : "ERROR", fields, target: "schema_engine::logger" };
  process.stderr.write(`\n${JSON.stringify(record)}\n`);
  process.exitCode = outcome.ok ? 0 : 1;
}

if (options.command === "version") process.stdout.write("schema-engine-cli wasm\n");
else if (options.command === "serve") {
  await serve({ input: process.stdin, output: process.stdout }, () => openWasmEngine(withUrl));
  // The engine keeps its connections open; the command line has hung up, so nothing waits for them.
  process.exit();
} else if (url === undefined) report({ ok: false, code: "P1012", message: "no database address; set DATABASE_URL" });
else report(await (options.command === "create-database" ? createDatabase(url) : canConnect(url)));
