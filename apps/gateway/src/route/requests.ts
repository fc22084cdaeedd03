// What devices ask of their shadow, one device's requests one after the other, so that updates arrive in the order they were said.
import { type DeviceApi, type DeviceRef, PlatformError, toPlatformError } from "@mooring/contracts";
import type { Clock, Log } from "@mooring/kit";
import type { GatewayCounters } from "../counters.ts";
import { desiredDeleteExchange, desiredGetExchange } from "./desired.ts";
import { Lanes } from "./lanes.ts";
import { renewalExchange } from "./renewal.ts";
import { alibabaExchange, type Exchange, type Reply, type ShadowOfDevice, shadowExchange } from "./shadow/exchange.ts";
import { topologyAddExchange, topologyDeleteExchange, topologyGetExchange } from "./topology-exchanges.ts";
import type { UplinkMessage } from "./uplink-message.ts";

export interface RequestsDeps {
  readonly shadow: ShadowOfDevice;
  readonly devices: DevicesForDevices;
  readonly clock: Clock;
  readonly counters: GatewayCounters;
  readonly report: Report;
}

/** What devices ask of the service that knows them. */
export type DevicesForDevices = Pick<DeviceApi, "renewCertificate" | "proveSubDevices" | "removeSubDevice" | "listSubDevices">;

/** Whatever was thrown, as an error that may be shown; what should not have been is logged. */
export type Report = (thrown: unknown, device: DeviceRef) => PlatformError;

/** Logs what is nobody's fault but ours. */
export function createReport(log: Log): Report {
  return (thrown, { deviceId }) => {
    const error = toPlatformError(thrown);
    if (error.code === "internal") log.error({ err: error.cause ?? error, deviceId }, "a device's request failed");
    return error;
  };
}

/** Shadow requests, and apart from them answers to calls, that one device may have under way. */
export const slowPerDeviceMax = 256;

export class Requests {
  readonly #deps: RequestsDeps;
  readonly #lanes = new Lanes(slowPerDeviceMax);

  constructor(deps: RequestsDeps) {
    this.#deps = deps;
  }

  /** Whether the device has said something here that is still under way. */
  isBusy(deviceId: string): boolean {
    return this.#lanes.has(deviceId);
  }

  /** Runs what was said after that. False when too much is under way: then it is not run. */
  after(deviceId: string, task: () => void): boolean {
    return this.#lanes.run(deviceId, async () => task());
  }

  /** The payload is read before this returns. */
  handle(message: UplinkMessage): void {
    message.receivedAtMs = this.#deps.clock.now();
    const exchange = this.#open(message);
    message.releasePayload();
    const { error } = exchange;
    if (error !== undefined) {
      this.#deps.counters.refusedInvalid++;
      return this.#refuse(message, exchange, error);
    }
    const { device } = message.source;
    const task = async (): Promise<void> => {
      try {
        const reply = await exchange.run();
        this.#reply(message, reply);
        message.settle(undefined, "");
      } catch (thrown) {
        this.#refuse(message, exchange, this.#deps.report(thrown, device));
      }
    };
    if (this.#lanes.run(device.deviceId, task)) return;
    this.#deps.counters.refusedQuota++;
    this.#refuse(message, exchange, new PlatformError("quotaExceeded", `more than ${slowPerDeviceMax} shadow requests are under way`));
  }

  #open(message: UplinkMessage): Exchange {
    const { shadow } = this.#deps;
    switch (message.meaning.kind) {
      case "alibabaShadow":
        return alibabaExchange(message, shadow);
      case "certificateRenew":
        return renewalExchange(message, this.#deps.devices);
      case "topologyAdd":
        return topologyAddExchange(message, this.#deps.devices);
      case "topologyDelete":
        return topologyDeleteExchange(message, this.#deps.devices);
      case "topologyGet":
        return topologyGetExchange(message, this.#deps.devices);
      case "desiredGet":
        return desiredGetExchange(message, shadow);
      case "desiredDelete":
        return desiredDeleteExchange(message, shadow);
      default:
        return shadowExchange(message, shadow);
    }
  }

  #refuse(message: UplinkMessage, exchange: Exchange, error: PlatformError): void {
    this.#reply(message, exchange.refused(error, this.#deps.clock.now()));
    message.settle(error.code, error.message);
  }

  #reply({ source, token }: UplinkMessage, reply: Reply | undefined): void {
    if (reply !== undefined && source.wantsReply(reply.topic)) source.onReply(token, reply.topic, reply.body(), reply.brief);
  }
}
