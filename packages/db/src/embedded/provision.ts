import pg from "pg";
import { superuser } from "./cluster.ts";
import { host } from "./port.ts";

/** The platform's own role and its database, both under one name. */
export const role = "mooring";

const connectTimeoutMs = 10_000;

/**
 * Makes sure that the platform's role and database exist, and returns the address to reach them. The role owns its database and may create
 * others (Prisma's shadow database, tests), but is no superuser: SQL alone can then neither read the machine's files nor run programs.
 */
export async function provision(port: number, passwords: { readonly superuser: string; readonly role: string }): Promise<string> {
  const admin = new pg.Client({
    connectionString: address(port, superuser, passwords.superuser, "postgres"),
    connectionTimeoutMillis: connectTimeoutMs,
  });
  // The query that a lost connection fails tells it; without a listener Node would end the process.
  admin.on("error", () => undefined);
  await admin.connect();
  try {
    const { rowCount: roles } = await admin.query("SELECT 1 FROM pg_roles WHERE rolname = $1", [role]);
    // Set at every start, so that the password in the file is the one that holds.
    await admin.query(`${roles === 0 ? "CREATE" : "ALTER"} ROLE ${role} LOGIN CREATEDB PASSWORD ${admin.escapeLiteral(passwords.role)}`);
    const { rowCount: databases } = await admin.query("SELECT 1 FROM pg_database WHERE datname = $1", [role]);
    if (databases === 0) await admin.query(`CREATE DATABASE ${role} OWNER ${role}`);
  } finally {
    await admin.end();
  }
  return address(port, role, passwords.role, role);
}

function address(port: number, user: string, password: string, database: string): string {
  return `postgresql://${user}:${encodeURIComponent(password)}@${host}:${port}/${database}`;
}
