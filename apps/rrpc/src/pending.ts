import { PlatformError } from "@mooring/contracts";

interface Waiting {
  readonly deviceId: string;
  readonly resolve: (payload: Uint8Array) => void;
  readonly reject: (error: PlatformError) => void;
}

/** Calls that wait on this node at once: about 2 KB each. */
export const pendingMax = 10_000;

/** Who waits for which answer, on this node. */
export class PendingCalls {
  readonly #waiting = new Map<string, Waiting>();
  /** Answers nobody waited for: too late, made up, or for another device's call. */
  lateAnswers = 0;

  get size(): number {
    return this.#waiting.size;
  }

  /** The answer, or `timeout` at the deadline. Throws `quotaExceeded` when too many wait. */
  wait(
    messageId: string,
    deviceId: string,
    timeoutMs: number,
    askedMs = timeoutMs,
  ): { readonly answer: Promise<Uint8Array>; readonly cancel: () => void } {
    if (this.#waiting.size >= pendingMax) throw new PlatformError("quotaExceeded", `${pendingMax} calls are under way; try again later`);
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
    const late = (): void => {
      this.#waiting.delete(messageId);
      reject(new PlatformError("timeout", `the device did not answer within ${askedMs} ms`));
    };
    const timer = setTimeout(late, timeoutMs);
    const cancel = (): void => {
      clearTimeout(timer);
      this.#waiting.delete(messageId);
    };
    this.#waiting.set(messageId, {
      deviceId,
      resolve: (payload) => {
        cancel();
        resolve(payload);
      },
      reject: (error) => {
        cancel();
        reject(error);
      },
    });
    // Whoever cancels does not look at the answer any more.
    promise.catch(() => undefined);
    return { answer: promise, cancel };
  }

  /** Whether somebody waited for this answer of this device. */
  answer(messageId: string, deviceId: string, answer: { readonly payload: Uint8Array; readonly error?: string }): boolean {
    const waiting = this.#waiting.get(messageId);
    if (waiting === undefined || waiting.deviceId !== deviceId) {
      this.lateAnswers++;
      return false;
    }
    if (answer.error === undefined) waiting.resolve(answer.payload);
    else waiting.reject(new PlatformError("failedPrecondition", answer.error));
    return true;
  }
}
