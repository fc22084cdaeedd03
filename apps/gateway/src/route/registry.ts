// Who is connected to this node, by device, whatever the protocol.
import type { Caller, DeviceIdentity, DeviceRef, Downlink } from "@mooring/contracts";

/** Why the gateway ends a connection; each protocol has its own way to say it. */
export type EndReason =
  | "takenOver"
  | "tooManyConnections"
  | "credentialRevoked"
  | "tenantSuspended"
  | "presenceLost"
  | "unavailable"
  | "shutdown"
  | "slowConsumer";

/** One way to reach a device. */
export interface Outlet {
  readonly clientId: string;
  readonly identity: DeviceIdentity;
  /** The device itself, as other services see it. */
  readonly caller: Caller;
  /** From the claim: of two outlets with one client id the later one stays. */
  readonly epoch: number;
  /** Takes a call. False when it does not: it does not listen for calls, or it is full. The payload may be kept. */
  call(call: Downlink): boolean;
  /** Whether it subscribes to this very topic. */
  hears(topic: string): boolean;
  /** Publishes to it, with its own QoS or `qosMax` if that is lower. False when it does not hear the topic, or has no room. The payload may be kept. */
  publish(topic: string, payload: Uint8Array, qosMax: number): boolean;
  /** Ends the connection; the outlet takes itself out of the registry. Idempotent. */
  end(reason: EndReason): void;
}

const none: readonly Outlet[] = [];

/** All outlets of this node. Connections per device are few (see `connectionsPerDeviceMax`), so lists are searched. */
export class Registry {
  readonly #outlets = new Map<string, Outlet[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /**
   * Adds an outlet. One with the same client id and an earlier epoch is ended; with a later one, the new outlet is superseded already
   * and false is returned.
   */
  add(outlet: Outlet): boolean {
    const deviceId = outlet.identity.device.deviceId;
    const same = this.find(deviceId, outlet.clientId);
    if (same !== undefined && same.epoch > outlet.epoch) return false;
    if (same !== undefined) {
      this.remove(same);
      same.end("takenOver");
    }
    const list = this.#outlets.get(deviceId);
    // Newest first: a call goes to the newest connection that takes it.
    if (list === undefined) this.#outlets.set(deviceId, [outlet]);
    else list.unshift(outlet);
    this.#size++;
    return true;
  }

  /** Idempotent. */
  remove(outlet: Outlet): void {
    const deviceId = outlet.identity.device.deviceId;
    const list = this.#outlets.get(deviceId);
    const at = list?.indexOf(outlet) ?? -1;
    if (list === undefined || at === -1) return;
    list.splice(at, 1);
    this.#size--;
    if (list.length === 0) this.#outlets.delete(deviceId);
  }

  find(deviceId: string, clientId: string): Outlet | undefined {
    return this.#outlets.get(deviceId)?.find((outlet) => outlet.clientId === clientId);
  }

  /** The device's outlets as they are, not a copy: nothing may be ended while it is read. */
  peers(deviceId: string): readonly Outlet[] {
    return this.#outlets.get(deviceId) ?? none;
  }

  /** A copy: ending outlets changes the list. */
  ofDevice(deviceId: string): readonly Outlet[] {
    return [...(this.#outlets.get(deviceId) ?? [])];
  }

  *ofProduct(productKey: string): Generator<Outlet> {
    for (const outlet of this.all()) if (outlet.identity.device.productKey === productKey) yield outlet;
  }

  *all(): Generator<Outlet> {
    for (const list of [...this.#outlets.values()]) yield* [...list];
  }
}

/** Names an outlet in logs. */
export function describeOutlet({ clientId, identity: { device } }: Outlet): { device: DeviceRef; clientId: string } {
  return { device, clientId };
}
