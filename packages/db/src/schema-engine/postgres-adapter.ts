import { randomUUID } from "node:crypto";
import { PrismaPg } from "@prisma/adapter-pg";
import { ColumnTypeEnum, type SqlDriverAdapter, type SqlMigrationAwareDriverAdapterFactory } from "@prisma/driver-adapter-utils";
import pg from "pg";

/** PostgreSQL's internal type "char", found only in its catalogs; the driver adapter has no mapping for it. */
const charOid = 18;
const textOid = 25;

type Connection = Awaited<ReturnType<PrismaPg["connect"]>>;

/** The connection's inner query, private in the adapter's types: the one place that sees the fields and not yet the column types. */
interface Inner {
  performIO(query: Parameters<SqlDriverAdapter["queryRaw"]>[0]): Promise<{ readonly fields?: readonly CharField[] }>;
  onError(error: unknown): never;
}

interface CharField {
  dataTypeID: number;
  isChar?: boolean;
}

/**
 * Connects the schema engine to Postgres through Prisma's own driver adapter, corrected in the three things that an engine needs and a
 * client does not: the catalogs' "char" columns, scripts with `;` inside (function bodies), and a shadow database that is always dropped.
 */
export function createAdapterFactory(url: string, shadowDatabaseUrl?: string): SqlMigrationAwareDriverAdapterFactory {
  const plain = new PrismaPg({ connectionString: url });
  return {
    provider: plain.provider,
    adapterName: plain.adapterName,
    connect: () => connect(url),
    connectToShadowDb: () => (shadowDatabaseUrl === undefined ? connectToNewShadow(url) : connect(shadowDatabaseUrl)),
  };
}

async function connect(connectionString: string): Promise<SqlDriverAdapter> {
  const pool = new CatalogPool({ connectionString, Client: CatalogClient });
  return corrected(await new PrismaPg(pool, { disposeExternalPool: true }).connect());
}

async function connectToNewShadow(url: string): Promise<SqlDriverAdapter> {
  const name = `prisma_migrate_shadow_db_${randomUUID()}`;
  const admin = new pg.Client({ connectionString: url });
  await admin.connect();
  await admin.query(`CREATE DATABASE ${admin.escapeIdentifier(name)}`);
  const shadowUrl = new URL(url);
  shadowUrl.pathname = `/${name}`;
  const shadow = await connect(shadowUrl.href);
  const dispose = shadow.dispose.bind(shadow);
  shadow.dispose = async () => {
    await dispose();
    await admin.query(`DROP DATABASE IF EXISTS ${admin.escapeIdentifier(name)} WITH (FORCE)`);
    await admin.end();
  };
  return shadow;
}

function corrected(connection: Connection): SqlDriverAdapter {
  const inner = connection as unknown as Inner;
  const performIO = inner.performIO.bind(connection);
  const queryRaw = connection.queryRaw.bind(connection);
  // The engine asks one thing at a time, so the fields seen last belong to the query just awaited.
  let fields: readonly CharField[] = [];
  inner.performIO = async (query) => {
    const result = await performIO(query);
    fields = result.fields ?? [];
    return result;
  };
  connection.queryRaw = async (query) => {
    const result = await queryRaw(query);
    fields.forEach((field, index) => {
      if (field.isChar) result.columnTypes[index] = ColumnTypeEnum.Character;
    });
    return result;
  };
  // The adapter splits at every semicolon; Postgres itself knows where a statement ends, also inside $$ quotes.
  connection.executeScript = async (script) => {
    try {
      await connection.underlyingDriver().query(script);
    } catch (error) {
      inner.onError(error);
    }
  };
  return connection;
}

/** Reads "char" columns as text and marks their fields, so that they can be reported to the engine as characters. */
class CatalogClient extends pg.Client {
  // biome-ignore lint/suspicious/noExplicitAny: pg's query has twelve overloads; this passes every one of them through.
  override async query(...parameters: any[]): Promise<any> {
    // biome-ignore lint/suspicious/noExplicitAny: as above.
    const result = await (super.query as any)(...parameters);
    for (const field of result?.fields ?? []) {
      if (field.dataTypeID !== charOid) continue;
      field.dataTypeID = textOid;
      field.isChar = true;
    }
    return result;
  }
}

/** pg's pool hands a callback to its client; the client above answers with a promise, so the pool awaits it instead. */
class CatalogPool extends pg.Pool {
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  override async query(...parameters: any[]): Promise<any> {
    const client = await this.connect();
    try {
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      return await (client.query as any)(...parameters);
    } finally {
      client.release();
    }
  }
}
