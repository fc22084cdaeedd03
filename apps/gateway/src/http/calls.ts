// Calls to devices that poll: a device counts as listening while it polls, and for a moment between two polls.
//
//   poll ---> [ queue: at most 16 calls ] <--- deliver
//     \--- waits; a call that comes goes to the poll that waited longest
import { type Caller, type DeviceIdentity, type Downlink, deviceCaller } from "@mooring/contracts";
import { type TimerWheel, WheelEntry } from "@mooring/kit";
import type { Arrival, Attendance } from "../attendance.ts";
import type { GatewayCounters } from "../counters.ts";
import type { EndReason, Outlet, Registry } from "../route/registry.ts";

export interface HttpCallsDeps {
  readonly attendance: Attendance;
  readonly registry: Registry;
  readonly wheel: TimerWheel;
  readonly counters: GatewayCounters;
}

/** No MQTT client can have it: theirs end before the first `|`. */
const clientId = "https|poll";
const betweenPollsMs = 10_000;
const queueMax = 16;
/** Polls of one device that may wait at once; one more ends the one that waited longest. */
const pollsMax = 4;

type Poll = (call: Downlink | undefined) => void;

class CallOutlet extends WheelEntry implements Outlet {
  readonly clientId = clientId;
  readonly identity: DeviceIdentity;
  readonly caller: Caller;
  readonly epoch: number;
  readonly #arrival: Arrival;
  readonly #deps: HttpCallsDeps;
  readonly #queue: Downlink[] = [];
  readonly #polls: Poll[] = [];
  #isEnded = false;

  constructor(identity: DeviceIdentity, arrival: Arrival, deps: HttpCallsDeps) {
    super();
    this.identity = identity;
    this.caller = deviceCaller(identity.device);
    this.epoch = arrival.entry.epoch;
    this.#arrival = arrival;
    this.#deps = deps;
    deps.wheel.schedule(this, betweenPollsMs);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  call(call: Downlink): boolean {
    if (this.#isEnded) return false;
    const poll = this.#polls.shift();
    if (poll !== undefined) poll(call);
    else if (this.#queue.length < queueMax) this.#queue.push(call);
    else return false;
    this.#deps.counters.messagesOutHttp++;
    return true;
  }

  /** A poll asks for calls and nothing else. */
  hears(): boolean {
    return false;
  }

  publish(): boolean {
    return false;
  }

  /** The next call, or undefined when none came in time, the signal aborted or the outlet ended. */
  nextCall(waitMs: number, signal: AbortSignal): Promise<Downlink | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    const queued = this.#takeQueued();
    this.#deps.wheel.cancel(this);
    if (queued !== undefined || this.#isEnded || waitMs === 0) {
      this.#rest();
      return Promise.resolve(queued);
    }
    if (this.#polls.length >= pollsMax) this.#polls.shift()?.(undefined);
    return new Promise((resolve) => {
      const done: Poll = (call) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", give);
        const at = this.#polls.indexOf(done);
        if (at !== -1) this.#polls.splice(at, 1);
        this.#rest();
        resolve(call);
      };
      const give = (): void => done(undefined);
      const timer = setTimeout(give, waitMs);
      signal.addEventListener("abort", give, { once: true });
      this.#polls.push(done);
    });
  }

  /** The oldest call that somebody still waits for. */
  #takeQueued(): Downlink | undefined {
    for (let call = this.#queue.shift(); call !== undefined; call = this.#queue.shift()) {
      if (call.expiresAtMs === undefined || call.expiresAtMs > Date.now()) return call;
    }
    return undefined;
  }

  end(_reason: EndReason): void {
    this.#leave();
  }

  override onDeadline(): void {
    this.#leave();
  }

  /** Nobody polls now: the time between two polls begins. */
  #rest(): void {
    if (!this.#isEnded && this.#polls.length === 0) this.#deps.wheel.schedule(this, betweenPollsMs);
  }

  #leave(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#deps.wheel.cancel(this);
    this.#deps.registry.remove(this);
    this.#deps.attendance.leave(this.#arrival, "lost");
    for (const poll of this.#polls.splice(0)) poll(undefined);
  }
}

export interface HttpCalls {
  /** Waits up to `waitMs` for a call to this device. Rejects with `unavailable` while the cluster's store cannot be reached. */
  poll(identity: DeviceIdentity, address: string | undefined, waitMs: number, signal: AbortSignal): Promise<Downlink | undefined>;
  stop(): void;
}

export function createHttpCalls(deps: HttpCallsDeps): HttpCalls {
  const outlets = new Map<string, Promise<CallOutlet>>();

  const open = async (identity: DeviceIdentity, address: string | undefined): Promise<CallOutlet> => {
    const way = { protocol: "https", ...(address === undefined ? {} : { address }) };
    const arrival = await deps.attendance.arrive(identity, clientId, way);
    const outlet = new CallOutlet(identity, arrival, deps);
    if (!deps.registry.add(outlet)) outlet.end("takenOver");
    return outlet;
  };
  const outletOf = async (identity: DeviceIdentity, address: string | undefined): Promise<CallOutlet> => {
    const { deviceId } = identity.device;
    const known = outlets.get(deviceId);
    const outlet = await known?.catch(() => undefined);
    // A device that comes with another certificate is looked at under that one from now on.
    if (outlet !== undefined && !outlet.isEnded && outlet.identity.credentialId === identity.credentialId) return outlet;
    if (outlets.get(deviceId) !== known) return outletOf(identity, address);
    const opening = open(identity, address);
    outlets.set(deviceId, opening);
    opening.catch(() => outlets.delete(deviceId));
    return opening;
  };
  // Ended outlets are let go of when their device polls again, or here.
  const sweep = setInterval(() => {
    for (const [deviceId, opening] of outlets) {
      opening.then(
        (outlet) => outlet.isEnded && outlets.get(deviceId) === opening && outlets.delete(deviceId),
        () => undefined,
      );
    }
  }, betweenPollsMs);
  sweep.unref();

  return {
    async poll(identity, address, waitMs, signal) {
      return (await outletOf(identity, address)).nextCall(waitMs, signal);
    },
    stop() {
      clearInterval(sweep);
      for (const opening of outlets.values()) {
        opening.then(
          (outlet) => outlet.end("shutdown"),
          () => undefined,
        );
      }
    },
  };
}
