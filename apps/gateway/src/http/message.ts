// One message said over HTTPS: the same route as MQTT's, with the request as its source.
import { type Caller, type DeviceIdentity, type DeviceRef, deviceCaller, type ErrorCode, type TopicMeaning } from "@mooring/contracts";
import type { Publisher } from "../broker/commit.ts";
import { createMessage, type Message } from "../broker/message.ts";
import type { Space } from "../broker/space.ts";
import type { Spaces } from "../broker/spaces.ts";
import type { Uplink } from "../route/uplink.ts";
import { UplinkMessage, type UplinkSource } from "../route/uplink-message.ts";
import { httpProtocol } from "./identify.ts";

/** What became of a message. */
export interface Outcome {
  /** What the device is answered, as JSON; undefined when there is nothing to say. */
  readonly body: string | undefined;
  readonly code: ErrorCode | undefined;
  readonly message: string;
}

/** What a request says. */
export interface Said {
  readonly topic: string;
  readonly meaning: TopicMeaning;
  readonly payload: Uint8Array;
  /** The message id that follows from the device's own; "" when it gave none. */
  readonly givenId: string;
}

/** Resolves once the message is handled for good or refused. Never rejects. */
export function sayMessage(deps: SayDeps, identity: DeviceIdentity, said: Said): Promise<Outcome> {
  return new Promise((resolve) => {
    const space = deps.spaces.of(identity.device.tenantId);
    const message = new UplinkMessage(new RequestSource(identity, space, resolve), said.meaning, said.payload, 0);
    message.topic = said.topic;
    message.givenId = said.givenId;
    if (space.wants(said.topic, false)) {
      const copy = { topic: said.topic, payload: Buffer.from(said.payload), qos: 1, retain: false, properties: null } as const;
      message.copy = createMessage(copy, 0);
    }
    deps.uplink.handle(message);
  });
}

export interface SayDeps {
  readonly uplink: Pick<Uplink, "handle">;
  readonly spaces: Spaces;
}

class RequestSource implements UplinkSource, Publisher {
  readonly device: DeviceRef;
  readonly caller: Caller;
  readonly credentialId: string;
  readonly protocol = httpProtocol;
  readonly answersInline = true;
  readonly #space: Space;
  readonly #resolve: (outcome: Outcome) => void;
  #body: string | undefined;

  constructor({ device, credentialId }: DeviceIdentity, space: Space, resolve: (outcome: Outcome) => void) {
    this.device = device;
    this.credentialId = credentialId;
    this.#space = space;
    this.caller = deviceCaller(device);
    this.#resolve = resolve;
  }

  wantsReply(): boolean {
    return true;
  }

  onReply(_token: number, _topic: string, body: string): void {
    this.#body = body;
  }

  onAccepted(token: number, copy: Message): void {
    const commit = this.#space.route(copy, copy.topic, 0, null);
    if (commit === null) this.onSettled(token, undefined, "");
    else commit.tell(this, token);
  }

  onPublished(token: number, isCommitted: boolean): void {
    if (isCommitted) this.onSettled(token, undefined, "");
    else this.onSettled(token, "unavailable", "the message is stored in the log, and not yet for all who subscribe to it");
  }

  onSettled(_token: number, code: ErrorCode | undefined, message: string): void {
    this.#resolve({ body: this.#body, code, message });
  }
}
