import type { Message } from "./message.ts";

/** What is published when its session's connection is lost, or later (MQTT 5 s3.1.2.5). */
export interface SessionWill {
  /** Its expiry begins when it is published. */
  readonly message: Message;
  readonly delayS: number;
  readonly expiryIntervalS: number | undefined;
}
