/** What Prisma's command line asks of the engine: to answer JSON-RPC on stdio, or one of three things to do and exit. */
export type EngineCommand = "serve" | "version" | "can-connect-to-database" | "create-database";

export interface EngineArguments {
  readonly command: EngineCommand;
  /** Paths of the schema's files. */
  readonly datamodels: readonly string[];
  readonly url?: string;
  readonly shadowDatabaseUrl?: string;
}

interface Datasource {
  readonly url?: string;
  readonly shadowDatabaseUrl?: string;
}

const databaseCommands = ["can-connect-to-database", "create-database"] as const;

/** Reads the arguments of the native schema engine of Prisma 7. Throws on what it does not know, so that a changed Prisma is noticed. */
export function parseEngineArguments(argv: readonly string[]): EngineArguments {
  const datamodels: string[] = [];
  let command: EngineCommand = "serve";
  let datasource: Datasource = {};
  const rest = argv.values();
  for (const argument of rest) {
    if (argument === "--version" || argument === "-V") command = "version";
    else if (argument === "--datamodels" || argument === "-d") datamodels.push(value(rest, argument));
    else if (argument === "--datasource") datasource = JSON.parse(value(rest, argument)) as Datasource;
    else if (argument === "cli") command = databaseCommand(value(rest, argument));
    // These two change nothing for Postgres, which the WASM engine serves with every feature on.
    else if (argument === "--enabled-preview-features" || argument === "--extension-types") value(rest, argument);
    else throw new Error(`schema engine: unknown argument ${argument}`);
  }
  return {
    command,
    datamodels,
    ...(datasource.url ? { url: datasource.url } : {}),
    ...(datasource.shadowDatabaseUrl ? { shadowDatabaseUrl: datasource.shadowDatabaseUrl } : {}),
  };
}

function value(rest: Iterator<string>, argument: string): string {
  const next = rest.next();
  if (next.done) throw new Error(`schema engine: ${argument} needs a value`);
  return next.value;
}

function databaseCommand(name: string): EngineCommand {
  const known = databaseCommands.find((command) => command === name);
  if (known === undefined) throw new Error(`schema engine: unknown command ${name}`);
  return known;
}
