// What clients send and see, and who judges it.
import type { Qos } from "@mooring/mqtt";
import type { ModelClient } from "./model-client.test-support.ts";
import type { Asked } from "./model-pledges.test-support.ts";

export interface OwnMessage {
  readonly topic: string;
  readonly payload: string;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly expiryS: number | undefined;
}

export interface Delivery {
  readonly payload: string;
  readonly topic: string;
  readonly qos: Qos;
  readonly retain: boolean;
  readonly dup: boolean;
  readonly expiryS: number | undefined;
  /** It was said some time ago. */
  readonly isLate: boolean;
}

/** Who judges what a client sees. */
export interface Judge {
  onDelivery(client: ModelClient, delivery: Delivery): void;
  onAcknowledged(client: ModelClient, type: Asked, packetId: number): void;
  onConnack(client: ModelClient, isPresent: boolean): void;
  fail(words: string): void;
  /** Some message expires: one that does so before it leaves takes its packet id with it. */
  readonly isExpiring: boolean;
}
