import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "@mooring/kit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bigintArray, doubleArray, jsonArray, textArray, uuidArray } from "./arrays.ts";
import { type EmbeddedPostgres, startEmbeddedPostgres } from "./embedded/start.ts";

let base: string;
let server: EmbeddedPostgres;
let pool: pg.Pool;

beforeAll(async () => {
  base = mkdtempSync(join(tmpdir(), "mooring-arrays-"));
  server = await startEmbeddedPostgres({ dataDir: join(base, "postgres"), port: 0, log: silentLog });
  pool = new pg.Pool({ connectionString: server.connectionString });
});

afterAll(async () => {
  await pool.end();
  await server.stop();
  rmSync(base, { recursive: true, force: true });
});

/** As Postgres understood it: element by element, as text. */
async function readBack(type: string, array: unknown): Promise<readonly (string | null)[]> {
  const { rows } = await pool.query<{ value: string | null }>(
    `SELECT e::text AS value FROM unnest($1::${type}[]) WITH ORDINALITY AS r (e, place) ORDER BY place`,
    [array],
  );
  return rows.map(({ value }) => value);
}

const id = "0190b7a4-5e1f-7abc-89de-f0123456789a";

describe("an array arrives in Postgres as it was given", () => {
  test("of UUIDs, whatever the case of their digits", async () => {
    const other = "ffffffff-0000-4000-8000-000000000000";
    expect(uuidArray([id])).toBeInstanceOf(Buffer);
    expect(await readBack("uuid", uuidArray([id, other, id.toUpperCase()]))).toEqual([id, other, id]);
  });

  test("of texts: empty ones, quotes, letters of all sizes, nulls", async () => {
    const values = ["", '{"a","b\\"}', "ä€😀", "NULL", null, undefined, "x".repeat(100_000)];
    expect(await readBack("text", textArray(values))).toEqual(values.map((value) => value ?? null));
  });

  test("of JSON, which is not written anew", async () => {
    const values = ['{"a": 1.0,\n "a":2}', "null", null, '"\\u0000"'];
    expect(await readBack("json", jsonArray(values))).toEqual(values);
  });

  test("of whole numbers and of doubles", async () => {
    const whole = [0, -1, 1, 2 ** 32, 2 ** 32 - 1, -(2 ** 32) - 1, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER];
    expect(await readBack("bigint", bigintArray([...whole, null]))).toEqual([...whole.map(String), null]);
    expect(await readBack("double precision", doubleArray([1.5, -0.1, undefined, 1e300]))).toEqual(["1.5", "-0.1", null, "1e+300"]);
  });

  test("of nothing", async () => {
    for (const [type, array] of Object.entries({ uuid: uuidArray([]), text: textArray([]), json: jsonArray([]), bigint: bigintArray([]) }))
      expect(await readBack(type, array)).toEqual([]);
  });
});

describe("what cannot be an element is refused as data (class 22), as it would be as text", () => {
  test.each([
    ["uuid", uuidArray([id, "no-uuid"])],
    ["uuid", uuidArray([`${id.slice(0, -1)}g`])],
    ["uuid", uuidArray([id.replaceAll("-", "+")])],
    ["text", textArray(["a\u0000b"])],
    ["json", jsonArray(["{"])],
  ])("%s", async (type, array) => {
    await expect(readBack(type, array)).rejects.toMatchObject({ code: expect.stringMatching(/^22/) });
  });

  test("a number that is not whole is refused before it is sent", () => {
    expect(() => bigintArray([1.5])).toThrow("1.5 is not a whole number");
  });
});
