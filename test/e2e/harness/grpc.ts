import { readFileSync } from "node:fs";
import { checkServerIdentity, type PeerCertificate } from "node:tls";
import { CallCredentials, ChannelCredentials, Metadata } from "@grpc/grpc-js";
import { type LogRecord, type SubscribeRequest, type SubscribeStart, serviceCaller } from "@mooring/contracts";
import type { Running } from "@mooring/kit";
import { type ApiName, type Apis, connectGrpc } from "@mooring/rpc";
import { until } from "@mooring/testkit";
import type { PlatformAddress } from "./platform.ts";

/** For the first argument of each method: on the public listener the API key alone says who calls. */
export const nobody = serviceCaller("e2e");

/** A service's interface over the public gRPC listener, with an API key: the first owner's unless told. */
export function connectPublic<K extends ApiName>(platform: PlatformAddress, name: K, apiKey = platform.apiKey): Apis[K] & Running {
  const key = CallCredentials.createFromMetadataGenerator((_, callback) => {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${apiKey}`);
    callback(null, metadata);
  });
  // The binding goes by the services' names, as it does inside; the public listener shows the certificate of its address.
  const [host = ""] = platform.grpc.split(":");
  const verify = { checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(host, certificate) };
  const tls = ChannelCredentials.createSsl(readFileSync(platform.caFile), null, null, verify);
  return connectGrpc(name, platform.grpc, tls.compose(key));
}

/** One stream of a subscription: what it received, and its acknowledgements. */
export interface Subscriber {
  readonly records: readonly LogRecord[];
  /** Set when the stream has ended; undefined as long as it runs, null when it ended without an error. */
  readonly end: Error | null | undefined;
  /** Everything up to this offset. */
  acknowledge(offset: number): void;
  acknowledgeOne(offset: number): void;
  reject(offset: number): void;
  /** The record with this place in `records`, once it is there. */
  record(index: number): Promise<LogRecord>;
  stop(): Promise<void>;
}

/** Opens a subscription and receives until stopped, or the platform ends it. */
export function subscribe(platform: PlatformAddress, start: SubscribeStart, apiKey?: string): Subscriber {
  const client = connectPublic(platform, "events", apiKey);
  const requests = new RequestQueue();
  requests.push({ start });
  const records: LogRecord[] = [];
  const subscriber = {
    records,
    end: undefined as Error | null | undefined,
    acknowledge: (offset: number) => requests.push({ acknowledgedOffset: offset }),
    acknowledgeOne: (offset: number) => requests.push({ acknowledged: [offset] }),
    reject: (offset: number) => requests.push({ rejected: [offset] }),
    record(index: number): Promise<LogRecord> {
      return until(`record ${index} of ${start.subscription}`, () => {
        if (subscriber.end) throw subscriber.end;
        return records[index];
      });
    },
    async stop() {
      requests.end();
      await until("the subscription to end", () => subscriber.end !== undefined);
      await client.stop();
    },
  };
  const receive = async (): Promise<void> => {
    for await (const record of client.subscribe(nobody, requests)) records.push(record);
  };
  receive().then(
    () => {
      subscriber.end = null;
    },
    (error: Error) => {
      subscriber.end = error;
    },
  );
  return subscriber;
}

/** What is sent on a stream, as it comes. */
export class RequestQueue implements AsyncIterable<SubscribeRequest> {
  readonly #waiting: SubscribeRequest[] = [];
  #isEnded = false;
  #wake: (() => void) | undefined;

  push(request: SubscribeRequest): void {
    this.#waiting.push(request);
    this.#wake?.();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<SubscribeRequest> {
    for (;;) {
      const request = this.#waiting.shift();
      if (request !== undefined) yield request;
      else if (this.#isEnded) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
