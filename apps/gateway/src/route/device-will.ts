// A device's will is something that the device says, later: it goes the same way, and what becomes of it is told to nobody.
import { type Caller, type DeviceRef, deviceCaller, parseUplinkTopic } from "@mooring/contracts";
import type { Message } from "../broker/message.ts";
import type { Space } from "../broker/space.ts";
import type { Uplink } from "./uplink.ts";
import { UplinkMessage, type UplinkSource } from "./uplink-message.ts";

/** Publishes the will of a device's session. Its topic was found to be the device's own at CONNECT. */
export function publishDeviceWill(uplink: Pick<Uplink, "handle">, space: Space, owner: string, will: Message): void {
  const meaning = parseUplinkTopic(will.topic);
  if (meaning === undefined) return;
  const { productKey, deviceName } = meaning;
  const device = { tenantId: space.tenantId, deviceId: owner.slice("device:".length), productKey, deviceName } as DeviceRef;
  const message = new UplinkMessage(new WillSource(device, space), meaning, will.payload, 0);
  message.topic = will.topic;
  message.isSheddable = will.qos === 0;
  if (space.wants(will.topic, will.retain)) message.copy = will;
  uplink.handle(message);
}

class WillSource implements UplinkSource {
  readonly device: DeviceRef;
  readonly caller: Caller;
  readonly credentialId = "";
  readonly protocol = "mqtt";
  readonly answersInline = true;
  readonly #space: Space;

  constructor(device: DeviceRef, space: Space) {
    this.device = device;
    this.caller = deviceCaller(device);
    this.#space = space;
  }

  wantsReply(): boolean {
    return false;
  }

  onReply(): void {
    // Nobody asked.
  }

  onAccepted(_token: number, copy: Message): void {
    this.#space.route(copy, copy.topic, 0, null);
  }

  onSettled(): void {
    // A will that is refused is told to the operator, as a refusal of the device's message.
  }
}
