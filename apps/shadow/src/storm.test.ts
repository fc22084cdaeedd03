// Many writers on one device at the same time, directly and through the log, while the service is taken away under them: nothing that was accepted is
// lost, no version comes twice, and the changes one after the other make the document. Judged by the ledger of the testkit, which knows none of our rules.
import {
  type Caller,
  deviceCaller,
  isJsonObject,
  type JsonObject,
  PlatformError,
  type ShadowChange,
  serviceCaller,
} from "@mooring/contracts";
import { type Database, openDatabase } from "@mooring/db";
import { silentLog, systemClock } from "@mooring/kit";
import { checkShadowLedger, createTestDatabase, type ShadowLedger, until } from "@mooring/testkit";
import type { ModelDirectory } from "@mooring/thing-model";
import { afterAll, expect, test } from "vitest";
import {
  createPostgresShadowHistory,
  createPostgresShadowStore,
  createShadowService,
  type ShadowService,
  startShadowFollower,
} from "./index.ts";
import { createPostgresReportOutbox } from "./postgres/report-outbox.ts";
import { ReportRelay } from "./report-relay.ts";
import { MemoryLog, makeDevice, NotingGateways } from "./world.test-support.ts";

const testDatabase = await createTestDatabase();
afterAll(async () => {
  await testDatabase.drop();
});

const device = makeDevice();
const address = { productKey: "thermo1", deviceName: "dev-1" };
const operator: Caller = { tenantId: device.tenantId, principal: "key:1", role: "operator" };
const self = deviceCaller(device);
const log = new MemoryLog();
const writers = 50;
const changesEach = 12;

interface Life {
  readonly database: Database;
  readonly service: ShadowService;
  /** Ends it as a crash does: connections are cut while they are used. */
  crash(): Promise<void>;
}

function start(): Life {
  const database = openDatabase({ connectionString: testDatabase.connectionString, poolSize: 6, applicationName: "storm", log: silentLog });
  const { pool } = database;
  const store = createPostgresShadowStore({ pool, clock: systemClock, documentBytesMax: 65_536 });
  const relay = new ReportRelay({ outbox: createPostgresReportOutbox(pool), events: log, log: silentLog });
  const relaying = relay.start();
  const service = createShadowService({
    store,
    relay,
    history: createPostgresShadowHistory(pool),
    devices: { getDevice: async () => ({ ...device, status: "enabled", tags: {}, createdAtMs: 0 }) },
    models: { forProduct: async () => ({ validation: "off", model: undefined }) } as unknown as ModelDirectory,
    gateways: new NotingGateways(),
    clock: systemClock,
    log: silentLog,
  });
  const follower = startShadowFollower({ events: log, store, applied: service.applied, log: silentLog });
  return {
    database,
    service,
    async crash() {
      const killer = openDatabase({
        connectionString: testDatabase.connectionString,
        poolSize: 1,
        applicationName: "killer",
        log: silentLog,
      });
      await killer.pool.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'storm'");
      await killer.close();
      await Promise.all([follower.stop(), relaying.stop()]);
      await database.close();
    },
  };
}

let life = start();
const successes: (ShadowLedger["successes"][number] & { principal: string })[] = [];
let conflicts = 0;
let failures = 0;

/** Changes one by one until all were accepted once or given up; some on condition of the version they have read. */
async function write(writer: number): Promise<void> {
  const caller = writer % 3 === 0 ? self : operator;
  let seen: number | undefined;
  for (let i = 0; i < changesEach; i++) {
    const desired: JsonObject = { [`w${writer % 10}`]: i % 4 === 3 ? null : { by: writer, n: i, list: [i] }, last: writer };
    const reported = caller === self ? { reported: i % 5 === 4 ? null : { [`r${writer % 7}`]: [writer, i] } } : {};
    const conditional = i % 2 === 1 && seen !== undefined ? { expectedVersion: seen } : {};
    try {
      const { version } = await life.service.update(caller, {
        ...address,
        desired,
        ...reported,
        ...conditional,
        clientToken: `${writer}.${i}`,
      });
      seen = version;
      successes.push({ writer: `writer ${writer}`, principal: caller.principal, version, desired, ...reported });
    } catch (error) {
      if (error instanceof PlatformError && error.code === "versionConflict") conflicts++;
      else failures++;
      seen = (await life.service.get(caller, address).catch(() => undefined))?.version;
    }
  }
}

async function readHistory(service: ShadowService): Promise<readonly ShadowChange[]> {
  const changes: ShadowChange[] = [];
  let pageToken = "";
  do {
    const page = await service.history(operator, { ...address, pageSize: 300, pageToken });
    changes.push(...page.changes);
    pageToken = page.nextPageToken ?? "";
  } while (pageToken !== "");
  return changes;
}

test("50 writers, reports from the log and a service that is cut off again and again leave one truth", async () => {
  const reports = Array.from({ length: 300 }, (_, i) => ({ [`p${i % 5}`]: i, reports: i }));
  const storm = Array.from({ length: writers }, (_, writer) => write(writer));
  let offset = 0;
  for (const [i, values] of reports.entries()) {
    offset = log.report(device, values);
    await new Promise((resolve) => setImmediate(resolve));
    if (i % 60 !== 59) continue;
    const ending = life;
    // The new process is there before the old one is quite gone: both follow the log for a moment.
    life = start();
    await ending.crash();
  }
  await Promise.all(storm);
  expect((await life.service.waitApplied(serviceCaller("gateway"), { offset, timeoutMs: 20_000 })).offset).toBeGreaterThanOrEqual(offset);

  const changes = await readHistory(life.service);
  const document = await life.service.get(operator, address);
  expect(checkShadowLedger({ changes, document, successes })).toEqual([]);
  // Every report was applied once, in the order of the log.
  const applied = changes.flatMap((change) => change.offset ?? []).reverse();
  expect(applied).toEqual(log.records.filter(({ body }) => !body.includes('"source":"shadow"')).map((record) => record.offset));
  // What the device said directly is in the log once, in the order of versions.
  const direct = changes.flatMap(({ principal, offset, reported }) =>
    principal === self.principal && offset === undefined && isJsonObject(reported) ? [reported] : [],
  );
  await until("the log to have what was said directly", () => log.directReports(device).length >= direct.length, 20_000);
  const told = log
    .directReports(device)
    .map((values) => Object.fromEntries(Object.entries(values).map(([name, { value }]) => [name, value])));
  expect(told).toEqual(direct.reverse());
  expect(direct.length).toBeGreaterThan(writers / 3);
  // The storm was one: some were refused, and most got through.
  expect(conflicts).toBeGreaterThan(0);
  expect(successes.length).toBeGreaterThan(writers);
  expect(changes.length).toBeGreaterThanOrEqual(successes.length + reports.length);
  expect(changes.length).toBeLessThanOrEqual(successes.length + reports.length + failures);
  // Any version can be read again, and is the truth of then.
  const middle = Math.floor(document.version / 2);
  const past = await life.service.getAt(operator, { ...address, version: middle });
  const before = changes.filter(({ version }) => version <= middle);
  expect(checkShadowLedger({ changes: before, document: past, successes: [] })).toEqual([]);
  await life.crash();
});
