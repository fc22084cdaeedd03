// A device's will is something that the device says, later: it goes the same way, and is kept until it has.
import { type Caller, type DeviceRef, deviceCaller, type ErrorCode, parseUplinkTopic } from "@mooring/contracts";
import type { WillOutcome } from "../broker/due-wills.ts";
import type { Message } from "../broker/message.ts";
import type { Space } from "../broker/space.ts";
import type { Uplink } from "./uplink.ts";
import { UplinkMessage, type UplinkSource } from "./uplink-message.ts";

/** Failures of the platform: said again, the message may be taken. */
const passingCodes: readonly ErrorCode[] = ["unavailable", "timeout", "internal", "quotaExceeded"];

export interface LeftBy {
  readonly space: Space;
  /** `device:{id}`. */
  readonly owner: string;
}

/** Publishes the will of a device's session, and says what became of it. Its topic was found to be the device's own at CONNECT. */
export function publishDeviceWill(
  uplink: Pick<Uplink, "handle">,
  { space, owner }: LeftBy,
  will: Message,
  tell: (outcome: WillOutcome) => void,
): void {
  const meaning = parseUplinkTopic(will.topic);
  if (meaning === undefined) return tell("refused");
  const { productKey, deviceName } = meaning;
  const device = { tenantId: space.tenantId, deviceId: owner.slice("device:".length), productKey, deviceName } as DeviceRef;
  const message = new UplinkMessage(new WillSource(device, space, will.qos > 0, tell), meaning, will.payload, 0);
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
  readonly #comesAgain: boolean;
  readonly #tell: (outcome: WillOutcome) => void;

  constructor(device: DeviceRef, space: Space, comesAgain: boolean, tell: (outcome: WillOutcome) => void) {
    this.device = device;
    this.caller = deviceCaller(device);
    this.#space = space;
    this.#comesAgain = comesAgain;
    this.#tell = tell;
  }

  wantsReply(): boolean {
    return false;
  }

  onReply(): void {
    // Nobody asked.
  }

  onAccepted(_token: number, copy: Message): void {
    this.#space.store.together();
    this.#space.route(copy, copy.topic, 0, null);
    this.#tell("published");
  }

  /** A will that is refused is told to the operator, as a refusal of the device's message. */
  onSettled(_token: number, code: ErrorCode | undefined): void {
    if (code === undefined) this.#tell("published");
    else this.#tell(this.#comesAgain && passingCodes.includes(code) ? "later" : "refused");
  }
}
