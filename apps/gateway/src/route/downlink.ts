// What the cloud says to a device: which of its connections hear it, and in which form.
import { assertMay, type Downlink, type GatewayApi, invalidField, PlatformError, shadowNamePattern } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import type { GatewayCounters } from "../counters.ts";
import { type Form, formsOf, type ShadowKind } from "./downlink-forms.ts";
import { payloadBytesMax } from "./json-payload.ts";
import type { Outlet, Registry } from "./registry.ts";
import { ToldShadows } from "./shadow/told.ts";

/** Two documents of 64 KB with the metadata of their leaves, which may be several times as long. */
const shadowPayloadBytesMax = 4 * 1024 * 1024;
/** What the shadow service may have to say at once, with room to spare. */
const downlinksMax = 512;

export interface GatewayApiDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly counters: Pick<GatewayCounters, "lateDownlink">;
}

/** What the other services may ask of this node. */
export function createGatewayApi({ registry, clock, counters }: GatewayApiDeps): GatewayApi {
  const told = new ToldShadows(clock);
  const deliver = (deviceId: string, downlink: Downlink): number => {
    const outlets = registry.ofDevice(deviceId);
    const [first] = outlets;
    if (first === undefined) return 0;
    // A call is an action: of several connections only the newest that takes it runs it. What a shadow holds is for all to know.
    if (downlink.kind === "call") return outlets.some((outlet) => outlet.call(downlink)) ? 1 : 0;
    const { kind, version, shadowName = "" } = downlink;
    if (version !== undefined && !told.take(deviceId, shadowName, kind, version)) {
      counters.lateDownlink++;
      return 0;
    }
    const forms = formsOf(first.identity.device, { ...downlink, kind: kind satisfies ShadowKind });
    return outlets.filter((outlet) => tell(outlet, forms, downlink.askedAs?.qos ?? 1)).length;
  };
  return {
    async deliver(caller, { deviceId, downlink }) {
      assertMay(caller, "gateway.deliver");
      check(downlink, "/downlink");
      return { delivered: deliver(deviceId, downlink) };
    },
    // Nothing is awaited between two of them, so nothing else can come between.
    async deliverAll(caller, { deviceId, downlinks }) {
      assertMay(caller, "gateway.deliverAll");
      if (downlinks.length > downlinksMax) throw invalidField("/downlinks", `must be at most ${downlinksMax}`);
      for (const [at, downlink] of downlinks.entries()) check(downlink, `/downlinks/${at}`);
      return { delivered: downlinks.map((downlink) => deliver(deviceId, downlink)) };
    },
    async disconnect(caller, { deviceId, clientId, epoch }) {
      assertMay(caller, "gateway.disconnect");
      const outlet = registry.find(deviceId, clientId);
      if (outlet?.epoch === epoch) outlet.end("takenOver");
      return {};
    },
  };
}

function check({ kind, payload, messageId, shadowName, version }: Downlink, pointer: string): void {
  const bytesMax = kind === "call" ? payloadBytesMax : shadowPayloadBytesMax;
  if (payload.length > bytesMax) {
    throw new PlatformError("payloadTooLarge", `the payload has ${payload.length} bytes, more than ${bytesMax}`);
  }
  if (kind === "call" && !/^[0-9]{1,19}$/.test(messageId ?? "")) throw invalidField(`${pointer}/messageId`, "must be a decimal number");
  if (shadowName !== undefined && !shadowNamePattern.test(shadowName))
    throw invalidField(`${pointer}/shadowName`, "is no name of a shadow");
  if (version !== undefined && !(Number.isSafeInteger(version) && version >= 0))
    throw invalidField(`${pointer}/version`, "must be a whole number from 0");
}

/** Whether the outlet took it in at least one of the forms that it listens to. */
function tell(outlet: Outlet, forms: readonly Form[], qosMax: number): boolean {
  let isTaken = false;
  for (const form of forms) {
    if (!outlet.hears(form.topic)) continue;
    const payload = form.payload();
    if (payload !== undefined && outlet.publish(form.topic, payload, qosMax)) isTaken = true;
  }
  return isTaken;
}
