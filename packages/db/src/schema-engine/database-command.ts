import pg from "pg";

/** Waiting for a server that does not answer ends here; Prisma's own engine waits as long. */
const connectTimeoutMs = 5_000;

/** SQLSTATE (PostgreSQL appendix A) to the code that Prisma's command line knows; anything else counts as unreachable. */
const prismaCodes: Readonly<Record<string, string>> = {
  "3D000": "P1003", // invalid_catalog_name: the database does not exist
  "42P04": "P1009", // duplicate_database
  "28P01": "P1000", // invalid_password
  "28000": "P1000", // invalid_authorization_specification
};

export type CommandOutcome = { readonly ok: true } | { readonly ok: false; readonly code: string; readonly message: string };

/** Can a session be opened on the database of this address? */
export async function canConnect(url: string): Promise<CommandOutcome> {
  return outcome(url, () => withClient(url, async () => undefined));
}

/** Creates the database that the address names, through the server's `postgres` database. */
export async function createDatabase(url: string): Promise<CommandOutcome> {
  const maintenance = new URL(url);
  maintenance.pathname = "/postgres";
  return outcome(url, () =>
    withClient(maintenance.href, async (client) => {
      await client.query(`CREATE DATABASE ${client.escapeIdentifier(databaseName(url))}`);
    }),
  );
}

async function outcome(url: string, act: () => Promise<void>): Promise<CommandOutcome> {
  try {
    await act();
    return { ok: true };
  } catch (error) {
    const state = error instanceof Error && "code" in error ? String(error.code) : "";
    const code = prismaCodes[state] ?? "P1001";
    const message =
      code === "P1003" ? `Database \`${databaseName(url)}\` does not exist` : error instanceof Error ? error.message : String(error);
    return { ok: false, code, message };
  }
}

async function withClient(connectionString: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: connectTimeoutMs });
  try {
    await client.connect();
    await use(client);
  } finally {
    await client.end();
  }
}

function databaseName(url: string): string {
  return decodeURIComponent(new URL(url).pathname.slice(1));
}
