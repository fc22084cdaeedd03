// Answers of devices to calls, one device's one after the other.
import { type Caller, callPayloadBytesMax } from "@mooring/contracts";
import type { GatewayCounters } from "../counters.ts";
import { Lanes } from "./lanes.ts";
import { type Report, slowPerDeviceMax } from "./requests.ts";
import type { UplinkMessage } from "./uplink-message.ts";

/** `accepted` is false when nobody waits for this answer. */
export type AnswerCall = (
  caller: Caller,
  request: { readonly messageId: string; readonly payload: Uint8Array; readonly error?: string },
) => Promise<{ readonly accepted: boolean }>;

export class CallAnswers {
  readonly #answerCall: AnswerCall;
  readonly #report: Report;
  readonly #counters: GatewayCounters;
  readonly #lanes = new Lanes(slowPerDeviceMax);

  constructor(answerCall: AnswerCall, report: Report, counters: GatewayCounters) {
    this.#answerCall = answerCall;
    this.#report = report;
    this.#counters = counters;
  }

  /** The payload is copied before this returns. */
  handle(message: UplinkMessage): void {
    const { payload, source } = message;
    const messageId = message.meaning.name;
    const isTooLarge = payload.length > callPayloadBytesMax;
    const tooLarge = `the device's answer has ${payload.length} bytes, more than ${callPayloadBytesMax}`;
    if (!/^[0-9]{1,19}$/.test(messageId)) return message.settle("notFound", "a call's message id is a decimal number");
    // Who waits is told at once, rather than left to the deadline.
    const answer = isTooLarge ? { messageId, payload: new Uint8Array(0), error: tooLarge } : { messageId, payload: Buffer.from(payload) };
    message.releasePayload();
    const task = async (): Promise<void> => {
      try {
        const { accepted } = await this.#answerCall(source.caller, answer);
        if (isTooLarge) message.settle("payloadTooLarge", tooLarge);
        else if (accepted) message.settle(undefined, "");
        else message.settle("notFound", "nobody waits for this answer");
      } catch (thrown) {
        const error = this.#report(thrown, source.device);
        message.settle(error.code, error.message);
      }
    };
    if (this.#lanes.run(source.device.deviceId, task)) return;
    this.#counters.refusedQuota++;
    message.settle("quotaExceeded", `more than ${slowPerDeviceMax} answers are under way`);
  }
}
