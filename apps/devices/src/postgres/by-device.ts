// What is stored about devices, asked for by their names or by their ids, by many at once: each kind of question is gathered into few statements.
import type { DeviceAddress } from "@mooring/contracts";
import type { Database } from "@mooring/db";
import { gather } from "./gather.ts";

export interface Question<Row, Found> {
  /** Makes Postgres plan it once per connection. */
  readonly name: string;
  /** Selects from `devices d`; what follows is the condition. */
  readonly select: string;
  /** All rows of one device. */
  readonly toFound: (rows: readonly [Row, ...Row[]]) => Found;
}

export interface ByDevice<Found> {
  readonly byName: (address: DeviceAddress) => Promise<Found | undefined>;
  readonly byId: (deviceId: string) => Promise<Found | undefined>;
}

interface Named {
  readonly device_id: string;
  readonly product_key: string;
  readonly device_name: string;
}

const whereNames = "WHERE (d.product_key, d.device_name) IN (SELECT * FROM unnest($1::text[], $2::text[]))";
const whereIds = "WHERE d.id = ANY($1::uuid[])";

/**
 * Names must be of the form names have and ids be UUIDs: one that Postgres does not take would fail everybody's sign-on that is in the same
 * statement. Nothing is kept: an answer was read after its question came.
 */
export function askByDevice<Row extends Named, Found>(
  { pool }: Pick<Database, "pool">,
  { name, select, toFound }: Question<Row, Found>,
): ByDevice<Found> {
  const ask = async (how: string, where: string, values: unknown[], keyOf: (row: Row) => string): Promise<ReadonlyMap<string, Found>> => {
    const { rows } = await pool.query<Row>({ name: `${name}-by-${how}`, text: `${select} ${where}`, values });
    const found = new Map<string, Found>();
    for (const [key, [first, ...others]] of Map.groupBy(rows, keyOf)) if (first !== undefined) found.set(key, toFound([first, ...others]));
    return found;
  };
  const byName = gather((keys) => {
    const pairs = keys.map((key) => key.split("\n"));
    const values = [pairs.map(([productKey]) => productKey), pairs.map(([, deviceName]) => deviceName)];
    return ask("name", whereNames, values, (row) => `${row.product_key}\n${row.device_name}`);
  });
  const byId = gather((ids) => ask("id", whereIds, [ids], (row) => row.device_id));
  return { byName: ({ productKey, deviceName }) => byName(`${productKey}\n${deviceName}`), byId };
}
