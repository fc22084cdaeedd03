import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { WasmEngine } from "./wasm-engine.ts";

/** JSON-RPC 2.0, one message per line, as Prisma's command line speaks it with its engine. */
interface Request {
  readonly id: number;
  readonly method?: string;
  readonly params?: unknown;
}

/** The code of every engine error in Prisma's protocol; what went wrong is in its `data`. */
const engineErrorCode = 4466;

/** Ids of our own requests to the command line; far above its own, which count from 1. */
const firstPrintId = 1_000_000;

export interface Wire {
  readonly input: Readable;
  readonly output: Writable;
}

/** Answers requests one after the other until the input ends. The engine is opened with the first request. */
export async function serve(wire: Wire, openEngine: () => Promise<WasmEngine>): Promise<void> {
  let engine: Promise<WasmEngine> | undefined;
  let printId = firstPrintId;
  const send = (message: object): void => {
    wire.output.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
  };
  for await (const line of createInterface({ input: wire.input })) {
    if (line.trim() === "") continue;
    const request = JSON.parse(line) as Request;
    // The command line's answers to our own requests carry no method.
    if (request.method === undefined) continue;
    try {
      engine ??= openEngine();
      const result = await call(await engine, request);
      // The native engine prints a diff by asking the command line to; the WASM engine hands the text back instead.
      if (request.method === "diff" && hasText(result)) send({ method: "print", params: { content: result.stdout }, id: printId++ });
      send({ result: result ?? null, id: request.id });
    } catch (error) {
      send({
        error: { code: engineErrorCode, message: "An error happened. Check the data field for details.", data: errorData(error) },
        id: request.id,
      });
    }
  }
}

async function call(engine: WasmEngine, request: Request): Promise<unknown> {
  // The native engine creates the database here; the command line has already asked for that through `cli create-database`.
  if (request.method === "createDatabase") return {};
  const method = engine.find(request.method ?? "");
  if (method === undefined) throw new Error(`The WASM schema engine has no method ${request.method}`);
  const parameters: unknown = Array.isArray(request.params) ? request.params[0] : request.params;
  if (request.method === "evaluateDataLoss" || request.method === "createMigration") {
    // The WASM engine finds its shadow database for these two only after a diagnosis of the same migrations, which changes nothing.
    await outcomeOf(() => engine.find("devDiagnostic")?.(parameters) ?? Promise.resolve());
  }
  return outcomeOf(() => method(parameters));
}

/** wasm-bindgen refuses malformed parameters by throwing from a microtask nobody awaits; here it becomes this call's failure. */
async function outcomeOf(act: () => Promise<unknown>): Promise<unknown> {
  const { promise, reject } = Promise.withResolvers<never>();
  process.once("uncaughtException", reject);
  try {
    return await Promise.race([act(), promise]);
  } finally {
    process.off("uncaughtException", reject);
  }
}

function hasText(result: unknown): result is { readonly stdout: string } {
  return typeof result === "object" && result !== null && "stdout" in result && typeof result.stdout === "string";
}

/** A code such as P3009 makes the failure one that the command line and its users know; without it, it would look like our own fault. */
function errorData(error: unknown): object {
  if (!(error instanceof Error)) return { is_panic: false, message: String(error), backtrace: null };
  const { message, code, meta } = error as Error & { readonly code?: unknown; readonly meta?: unknown };
  if (typeof code === "string" && /^P\d{4}$/.test(code)) return { is_panic: false, message, meta: meta ?? {}, error_code: code };
  return { is_panic: false, message, backtrace: null };
}
