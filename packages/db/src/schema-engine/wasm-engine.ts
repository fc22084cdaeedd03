import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils";
import * as bindings from "@prisma/schema-engine-wasm/schema_engine_bg";
import type { EngineArguments } from "./arguments.ts";
import { createAdapterFactory } from "./postgres-adapter.ts";

/** One method of the engine, under the name it has in Prisma's JSON-RPC. */
export type EngineMethod = (parameters: unknown) => Promise<unknown>;

export interface WasmEngine {
  /** The method of this name, or undefined when the WASM build does not have it. */
  find(name: string): EngineMethod | undefined;
}

interface WasmExports {
  readonly __wbindgen_start: () => void;
}

/** The part of the standard global used here; TypeScript has its types only beside a browser's. */
declare const WebAssembly: {
  instantiate(bytes: Uint8Array, imports: object): Promise<{ readonly instance: { readonly exports: WasmExports } }>;
};

/** wasm-bindgen's glue asks for this before its first call; the package's types leave it out. */
const glue = bindings as typeof bindings & { readonly __wbg_set_wasm: (exports: WasmExports) => void };

/** Loads the schema engine that npm carries and connects it to the database. Compiling takes about 100 ms. */
export async function openWasmEngine(options: EngineArguments): Promise<WasmEngine> {
  // The engine reports a panic here before it traps; without the registry the trap would say only "unreachable".
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: { set_message: (message: string) => process.stderr.write(`${message}\n`) } });
  const path = createRequire(import.meta.url)
    .resolve("@prisma/schema-engine-wasm/schema_engine_bg")
    .replace(/\.js$/, ".wasm");
  const { instance } = await WebAssembly.instantiate(readFileSync(path), { "./schema_engine_bg.js": glue });
  glue.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();

  const datamodels = options.datamodels.map((file): [string, string] => [file, readFileSync(file, "utf8")]);
  if (options.url === undefined) throw new Error("schema engine: no database address; set DATABASE_URL");
  const adapter = bindMigrationAwareSqlAdapterFactory(createAdapterFactory(options.url, options.shadowDatabaseUrl));
  const engine = await glue.SchemaEngine.new({ datamodels: datamodels.length > 0 ? datamodels : undefined }, () => undefined, adapter);
  return {
    find(name) {
      const method: unknown = Reflect.get(engine, name);
      return typeof method === "function" ? (parameters) => method.call(engine, parameters) : undefined;
    },
  };
}
