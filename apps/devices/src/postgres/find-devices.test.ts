import { randomUUID } from "node:crypto";
import { openDatabase } from "@mooring/db";
import { silentLog } from "@mooring/kit";
import { createTestDatabase } from "@mooring/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFindDevice } from "./find-devices.ts";

let drop: () => Promise<void>;
let database: ReturnType<typeof openDatabase>;
const [mine, theirs] = [randomUUID(), randomUUID()];

beforeAll(async () => {
  const made = await createTestDatabase();
  drop = () => made.drop();
  database = openDatabase({ connectionString: made.connectionString, poolSize: 4, applicationName: "test", log: silentLog });
  for (const tenantId of [mine, theirs]) {
    const productKey = tenantId === mine ? "product1" : "product2";
    await database.prisma.product.create({ data: { productKey, tenantId, name: "p", validation: "off", secretAuthentication: false } });
    for (let number = 0; number < 700; number += 1) {
      const data = { id: randomUUID(), tenantId, productKey, deviceName: `device-${number}`, status: "enabled" };
      await database.prisma.device.create({ data });
    }
  }
});
afterAll(async () => {
  await database?.close();
  await drop?.();
});

test("everyone who asks at the same time gets the device of the name asked for, of the own tenant only, each answer once", async () => {
  let statements = 0;
  const query = ((...args: Parameters<typeof database.pool.query>) => {
    statements++;
    return database.pool.query(...args);
  }) as typeof database.pool.query;
  const find = createFindDevice({ query } as typeof database.pool);
  const asked = Array.from({ length: 3_000 }, (_, number) => ({
    deviceName: `device-${number % 900}`,
    productKey: number % 2 === 0 ? "product1" : "product2",
    tenantId: number % 5 === 0 ? null : mine,
  }));
  const found = await Promise.all(asked.map(({ productKey, deviceName, tenantId }) => find({ productKey, deviceName }, tenantId)));
  asked.forEach(({ productKey, deviceName, tenantId }, index) => {
    const isThere = Number(deviceName.slice(7)) < 700 && (productKey === "product1" || tenantId === null);
    expect(found[index] === undefined ? undefined : { productKey: found[index].productKey, deviceName: found[index].deviceName }).toEqual(
      isThere ? { productKey, deviceName } : undefined,
    );
  });
  expect(statements).toBe(6);
});

test("a failure is told to those who were asking, and the next one is asked anew", async () => {
  let failing = true;
  const query = () => (failing ? Promise.reject(new Error("connection lost")) : Promise.resolve({ rows: [] }));
  const find = createFindDevice({ query } as unknown as typeof database.pool);
  const address = { productKey: "product1", deviceName: "device-1" };
  const both = [find(address, mine), find(address, mine)];
  await Promise.all(both.map((asking) => expect(asking).rejects.toThrow("connection lost")));
  failing = false;
  await expect(find(address, mine)).resolves.toBeUndefined();
});
