import {
  assertMay,
  asTenantId,
  type Caller,
  type EventApi,
  invalidField,
  type LogRecord,
  PlatformError,
  type PropertiesBody,
  shadowRefusal,
  type TraceConsumer,
  type TraceEntry,
  type TraceRequest,
  uuidPattern,
} from "@mooring/contracts";
import type { ConnectionStore } from "../connections/ports.ts";
import type { DeliveryStates } from "../delivery/ports.ts";
import type { DeviceDirectory } from "../ports.ts";
import type { ConsumerPositions, RefusalStore, StoredRefusal, TraceStore } from "./ports.ts";
import { parseRefusals } from "./refusals.ts";

export interface TracePartDeps {
  readonly records: TraceStore;
  readonly refusals: RefusalStore;
  readonly deliveries: DeliveryStates;
  readonly devices: DeviceDirectory;
  /** Knows the devices that were deleted as long as the log has anything of them. */
  readonly connections: Pick<ConnectionStore, "findDeleted">;
}

export const traceMax = 100;
const traceDefault = 20;
/** Of one name, that are still known. Who wants one of more names it by its id while it is among the last. */
const deletedMax = 1_000;

/** What became of what a device sent. */
export function createTracePart(deps: TracePartDeps): Pick<EventApi, "recordRefusals" | "trace"> {
  return {
    async recordRefusals(caller, request) {
      assertMay(caller, "events.recordRefusals");
      const refusals = parseRefusals(request.refusals);
      if (refusals.length > 0) await deps.refusals.insert(refusals);
      return {};
    },

    async trace(caller, request) {
      assertMay(caller, "events.trace");
      const { limit = traceDefault } = request;
      if (!Number.isInteger(limit) || limit < 1 || limit > traceMax) {
        throw invalidField("/limit", `must be a whole number from 1 to ${traceMax}`);
      }
      const traced = await findTraced(deps, caller, request);
      const { deviceId, tenantId } = traced;
      const [refusals, { records, positions }] = await Promise.all([deps.refusals.list(deviceId, limit), readLog(deps, deviceId, limit)]);
      const deliveries = records.length === 0 ? undefined : await deps.deliveries.statesOf(asTenantId(tenantId), records);
      const byShadow = new Map(
        refusals.filter(({ protocol }) => protocol === shadowRefusal.protocol).map((one) => [one.topic, one.reason]),
      );
      const accepted = records.map((record) => {
        const refused = byShadow.get(shadowRefusal.topicOf(record.offset));
        return toAccepted(record, { ...positions, refused }, deliveries?.get(record.offset) ?? []);
      });
      const offsets = new Set(records.map(({ offset }) => shadowRefusal.topicOf(offset)));
      const others = refusals.filter(({ protocol, topic }) => protocol !== shadowRefusal.protocol || !offsets.has(topic));
      const entries = [...accepted, ...others.map(toRefused)].sort(newestFirst).slice(0, limit);
      return { deviceId, ...(traced.deletedAtMs === undefined ? {} : { deletedAtMs: traced.deletedAtMs }), entries };
    },
  };
}

interface Traced {
  readonly tenantId: string;
  readonly deviceId: string;
  readonly deletedAtMs?: number;
}

/** The device that is asked for, of those that have the name and those that had it. Throws `notFound` in the words for a device that never was. */
async function findTraced({ devices, connections }: TracePartDeps, caller: Caller, request: TraceRequest): Promise<Traced> {
  const { productKey, deviceName, deviceId } = request;
  if (deviceId !== undefined && !uuidPattern.test(deviceId)) throw invalidField("/deviceId", "must be the id of a device");
  const fits = (device: Traced): boolean => deviceId === undefined || device.deviceId === deviceId;
  let missing = new PlatformError("notFound", "no device with this id has, or had, this name");
  try {
    const device = await devices.getDevice(caller, { productKey, deviceName });
    if (fits(device)) return device;
  } catch (error) {
    if (!(error instanceof PlatformError && error.code === "notFound")) throw error;
    missing = error;
  }
  const { tenantId } = caller;
  if (tenantId === undefined) throw missing;
  const gone = await connections.findDeleted(tenantId, { productKey, deviceName }, deletedMax);
  const found = gone.map((device) => ({ tenantId, ...device })).find(fits);
  if (found === undefined) throw missing;
  return found;
}

/** Positions are read after the records: what a consumer has done by then it has done. */
async function readLog({ records: store }: TracePartDeps, deviceId: string, limit: number) {
  const records = await store.lastRecords(deviceId, limit);
  return { records, positions: await store.positions() };
}

interface Reached extends ConsumerPositions {
  /** Why the shadow did not take the record; undefined when it did, or has not come to it. */
  readonly refused: string | undefined;
}

function toAccepted(record: LogRecord, positions: Reached, deliveries: readonly TraceConsumer[]): TraceEntry {
  const { offset, messageId, kind, receivedAtMs: atMs } = record;
  const { refused } = positions;
  const reached = (consumer: keyof ConsumerPositions): TraceConsumer => ({
    consumer,
    state: offset <= positions[consumer] ? "applied" : "waiting",
  });
  // The history and the shadow are made of property reports; they pass over everything else.
  const own = kind === "properties" ? [reached("history"), shadowOf(record, reached("shadow"), refused)] : [];
  return { atMs, outcome: "accepted", offset, messageId, kind, consumers: [...own, ...deliveries] };
}

function shadowOf({ body }: LogRecord, reached: TraceConsumer, refused: string | undefined): TraceConsumer {
  if ((JSON.parse(body) as PropertiesBody).past === true) return { consumer: "shadow", state: "notForIt" };
  return refused === undefined ? reached : { consumer: "shadow", state: "refused", reason: refused };
}

function toRefused(refusal: StoredRefusal): TraceEntry {
  return { outcome: "refused", consumers: [], ...refusal };
}

/** Of two at one time the one further on in the log is the newer. */
function newestFirst(a: TraceEntry, b: TraceEntry): number {
  return b.atMs - a.atMs || (b.offset ?? 0) - (a.offset ?? 0);
}
