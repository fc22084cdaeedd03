// Who came and who went: a connection's place in the cluster, and the online and offline records that follow from it.

import type { Presence, PresenceEntry } from "@mooring/cluster";
import {
  type ConnectionBody,
  type DeviceIdentity,
  type DeviceRef,
  type GatewayApi,
  type NewRecord,
  serviceCaller,
} from "@mooring/contracts";
import { type Clock, type Log, pause, type Running, startLoop, steadyClock } from "@mooring/kit";
import type { GatewayCounters } from "./counters.ts";
import { createMessageId } from "./message-id.ts";
import type { Outlet, Registry } from "./route/registry.ts";
import { Appended, type UplinkStream } from "./uplink-stream.ts";

export interface AttendanceDeps {
  readonly nodeId: string;
  readonly presence: Presence;
  readonly gatewayNode: (nodeId: string) => Promise<GatewayApi | undefined>;
  readonly registry: Registry;
  readonly stream: UplinkStream;
  readonly clock: Clock;
  readonly counters: GatewayCounters;
  readonly log: Log;
  readonly connectionsPerDeviceMax: number;
}

/** A connection as it is known to the cluster. */
export interface Arrival {
  readonly entry: PresenceEntry;
  readonly device: DeviceRef;
  /** `mqtt-3.1.1`, `mqtt-5.0`, `https`, ... */
  readonly protocol: string;
  /** Of the peer; absent when it was gone already. */
  readonly address?: string;
}

/** How a connection reached this node. */
export type Way = Pick<Arrival, "protocol" | "address">;

const retryMs = 1_000;
const evictMs = 5_000;
/** Departures and records kept for another try; beyond it the oldest are let go. */
const retriesMax = 100_000;

export type Attendance = ReturnType<typeof createAttendance>;

/** Keeps presence in step with the connections of this node. */
export function createAttendance(deps: AttendanceDeps) {
  const { presence, registry, log } = deps;
  const retries: (() => void)[] = [];
  const leaving = new Set<Promise<void>>();
  const later = (what: () => void): void => {
    if (retries.length >= retriesMax) retries.shift();
    retries.push(what);
  };

  const appendRecord = (record: NewRecord): void => {
    const onAppended = (outcome: Appended): void => {
      if (outcome === Appended.Failed) later(() => appendRecord(record));
    };
    if (!deps.stream.append(record, { onAppended })) later(() => appendRecord(record));
  };
  const announce = (kind: "online" | "offline", { entry, device, protocol, address }: Arrival, reason?: string): void => {
    const now = deps.clock.now();
    const { clientId, epoch, nodeId } = entry;
    const body: ConnectionBody = {
      clientId,
      epoch,
      sequence: kind === "online" ? 0 : 1,
      protocol,
      nodeId,
      ...(address === undefined ? {} : { address }),
      ...(reason === undefined ? {} : { reason }),
    };
    appendRecord({ messageId: createMessageId(steadyClock.now()), device, kind, receivedAtMs: now, body: JSON.stringify(body) });
  };

  const endElsewhere = async ({ nodeId, deviceId, clientId, epoch }: PresenceEntry): Promise<void> => {
    try {
      const node = await deps.gatewayNode(nodeId);
      await node?.disconnect(serviceCaller("gateway"), { deviceId, clientId, epoch });
    } catch (error) {
      // That node is dead or cut off; it finds out itself when its registration is restored.
      log.warn({ err: error, nodeId, deviceId }, "could not end a connection on another node");
    }
  };

  /** Of a device with more connections than allowed, the oldest go, wherever they are. */
  const enforceLimit = async (deviceId: string): Promise<void> => {
    const entries = await presence.find(deviceId);
    for (const entry of entries.slice(deps.connectionsPerDeviceMax)) {
      const local = entry.nodeId === deps.nodeId ? registry.find(deviceId, entry.clientId) : undefined;
      if (local === undefined) await endElsewhere(entry);
      else if (local.epoch === entry.epoch) local.end("tooManyConnections");
    }
  };

  const release = async (arrival: Arrival, reason: string): Promise<void> => {
    try {
      const { released, last } = await presence.release(arrival.entry);
      if (released && last) announce("offline", arrival, reason);
    } catch {
      later(() => void release(arrival, reason));
    }
  };

  return {
    /**
     * Claims the connection's place. The connection it takes the place of is ended when it is on another node; here, the registry does it.
     * Rejects with `unavailable` while the cluster's store cannot be reached, and with `quotaExceeded`.
     */
    async arrive(identity: DeviceIdentity, clientId: string, way: Way): Promise<Arrival> {
      const { device } = identity;
      const claimed = await presence.claim({ deviceId: device.deviceId, clientId, nodeId: deps.nodeId });
      const entry = { deviceId: device.deviceId, clientId, nodeId: deps.nodeId, epoch: claimed.epoch };
      const arrival: Arrival = { entry, device, ...way };
      if (claimed.replaced !== undefined && claimed.replaced.nodeId !== deps.nodeId) void endElsewhere(claimed.replaced);
      if (claimed.first) announce("online", arrival);
      else if (claimed.replaced === undefined) {
        enforceLimit(device.deviceId).catch((error: unknown) => log.warn({ err: error }, "could not count a device's connections"));
      }
      return arrival;
    },

    /** Gives the place up. Never rejects; tried again until the store answers. */
    leave(arrival: Arrival, reason: string): void {
      const left = release(arrival, reason);
      leaving.add(left);
      void left.finally(() => leaving.delete(left));
    },

    /** Puts this node's connections back after the cluster's store was lost. Those whose client came back elsewhere meanwhile are ended. */
    async restore(): Promise<void> {
      const outlets = new Map<string, Outlet>();
      const entries: PresenceEntry[] = [];
      for (const outlet of registry.all()) {
        const { deviceId } = outlet.identity.device;
        entries.push({ deviceId, clientId: outlet.clientId, nodeId: deps.nodeId, epoch: outlet.epoch });
        outlets.set(`${deviceId}|${outlet.clientId}`, outlet);
      }
      for (const { deviceId, clientId } of await presence.restore(entries)) outlets.get(`${deviceId}|${clientId}`)?.end("presenceLost");
    },

    start(): Running {
      const retry = setInterval(() => {
        for (const again of retries.splice(0)) again();
      }, retryMs);
      retry.unref();
      const evict = async (signal: AbortSignal): Promise<void> => {
        await pause(evictMs * (0.5 + Math.random()), signal);
        if (!signal.aborted) deps.counters.evicted += (await presence.evict()).length;
      };
      const evicting = startLoop(evict, {
        retryMs,
        onError: (error) => log.debug({ err: error }, "could not clear away dead nodes' entries"),
      });
      return {
        async stop() {
          clearInterval(retry);
          await evicting.stop();
          // The store answers or refuses within about a second.
          await Promise.all(leaving);
        },
      };
    },
  };
}
