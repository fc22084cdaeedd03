import { type AppendAck, type AppendFrame, deviceCaller, type EventApi, PlatformError } from "@mooring/contracts";
import { silentLog, systemClock } from "@mooring/kit";
import { openTestDatabase, until } from "@mooring/testkit";
import type { ModelDirectory } from "@mooring/thing-model";
import { afterAll, afterEach, expect, test } from "vitest";
import { createPostgresShadowHistory, createPostgresShadowStore, createShadowService } from "./index.ts";
import { createPostgresReportOutbox } from "./postgres/report-outbox.ts";
import { ReportRelay } from "./report-relay.ts";
import { MemoryLog, makeDevice, NotingGateways } from "./world.test-support.ts";

const database = await openTestDatabase("shadow");
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});
afterAll(async () => {
  await database.stop();
});

type Log = Pick<EventApi, "append">;

/** A process of the service, with a relay of its own. */
function start(events: Log, device = makeDevice()) {
  const { pool } = database;
  const relay = new ReportRelay({ outbox: createPostgresReportOutbox(pool), events, log: silentLog });
  const relaying = relay.start();
  const stop = (): Promise<void> => relaying.stop();
  stops.push(stop);
  const gateways = new NotingGateways();
  gateways.online.add(device.deviceId);
  const service = createShadowService({
    store: createPostgresShadowStore({ pool, clock: systemClock, documentBytesMax: 65_536 }),
    history: createPostgresShadowHistory(pool),
    devices: { getDevice: async () => ({ ...device, status: "enabled", tags: {}, createdAtMs: 0 }) },
    models: { forProduct: async () => ({ validation: "off", model: undefined }) } as unknown as ModelDirectory,
    gateways,
    relay,
    clock: systemClock,
    log: silentLog,
  });
  const { productKey, deviceName } = device;
  const say = (n: number) => service.update(deviceCaller(device), { productKey, deviceName, reported: { n } });
  return { device, gateways, relay, say, stop };
}

const numbersOf = (log: MemoryLog, { device }: ReturnType<typeof start>): readonly unknown[] =>
  log.directReports(device).map(({ n }) => n?.value);

test("while the log is out of reach nothing is answered or told, and nothing is lost: all of it comes in order when it is back", async () => {
  const log = new MemoryLog();
  log.isDown = true;
  const one = start(log);
  const answered: number[] = [];
  const all = [1, 2, 3].map(async (n) => answered.push((await one.say(n)).version));
  await until("all to wait for the log", () => one.relay.waiting === 3);
  expect([answered, one.gateways.sent]).toEqual([[], []]);
  log.isDown = false;
  await Promise.all(all);
  expect(numbersOf(log, one)).toEqual([1, 2, 3]);
  expect(answered).toEqual([1, 2, 3]);
  expect(one.gateways.sent.filter(({ kind }) => kind === "shadowAccepted").map(({ message }) => message.version)).toEqual([1, 2, 3]);
});

test("an acknowledgement that is lost on the way brings the same record again under its id", async () => {
  const log = new MemoryLog();
  const tries: string[] = [];
  const forgetful: Log = {
    async *append(caller, frames): AsyncGenerator<AppendAck> {
      const seen: AppendFrame[] = [];
      for await (const frame of frames) seen.push(frame);
      for await (const ack of log.append(
        caller,
        (async function* () {
          yield* seen;
        })(),
      )) {
        tries.push(...seen.flatMap(({ records }) => records.map(({ messageId }) => messageId)));
        if (tries.length < 3) throw new PlatformError("unavailable", "the connection is gone");
        yield ack;
      }
    },
  };
  const one = start(forgetful);
  await one.say(7);
  expect(tries).toHaveLength(3);
  expect(new Set(tries).size).toBe(1);
  expect(numbersOf(log, one)).toEqual([7]);
});

test("several processes send each report once, in order, and each answers its own; a process that is gone leaves its own to the others", async () => {
  const log = new MemoryLog();
  const device = makeDevice();
  const [one, other] = [start(log, device), start(log, device)];
  for (let n = 0; n < 20; n++) await (n % 2 === 0 ? one : other).say(n);
  expect(numbersOf(log, one)).toEqual(Array.from({ length: 20 }, (_, n) => n));
  log.isDown = true;
  const left = one.say(20);
  await until("it to wait", () => one.relay.waiting === 1);
  await one.stop();
  await left;
  log.isDown = false;
  await until("the other to send it", () => numbersOf(log, one).at(-1) === 20);
});

test("a report that the log refuses for what it is is answered and holds up nobody", async () => {
  const refusing: Log = {
    async *append(_, frames): AsyncGenerator<AppendAck> {
      for await (const { sequence } of frames) yield { sequence, refused: [{ index: 0, reason: "it is odd" }], lastOffset: 1 };
    },
  };
  const one = start(refusing);
  expect((await one.say(1)).version).toBe(1);
  expect((await one.say(2)).version).toBe(2);
  expect(one.relay.refused).toBe(2);
});

test("who waits for what the log has had for long hears of it though there is always something to send, and so do all who wait for the same", async () => {
  let sent = 0;
  const outbox = { take: async () => [`other-${sent++}`], waiting: async () => [] };
  const relay = new ReportRelay({ outbox, events: new MemoryLog(), log: silentLog });
  const running = relay.start();
  stops.push(() => running.stop());
  await Promise.all([relay.logged("sent-long-ago"), relay.logged("sent-long-ago")]);
  expect(relay.waiting).toBe(0);
});
