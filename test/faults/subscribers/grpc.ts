import type { Delivery } from "@mooring/contracts";
import { pause } from "@mooring/kit";
import { connectPublic, nobody, RequestQueue } from "../../e2e/harness/grpc.ts";
import { type LedgerSubscriber, ReceiptBook, type ReportBody, type SubscriberOptions, versionIn } from "../subscriber.ts";

const reconnectMs = 300;

/** The public gRPC stream. */
export class GrpcSubscriber implements LedgerSubscriber {
  readonly name: string;
  readonly receipts: ReceiptBook;
  readonly #options: SubscriberOptions;
  readonly #stopped = new AbortController();
  #requests: RequestQueue | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: SubscriberOptions) {
    this.name = options.name;
    this.receipts = new ReceiptBook(options.tenant);
    this.#options = options;
  }

  async start(): Promise<void> {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#requests?.end();
    await this.#running;
  }

  async #run(): Promise<void> {
    const stopped = this.#stopped.signal;
    while (!stopped.aborted) {
      const client = connectPublic(this.#options.platform, "events");
      const requests = new RequestQueue();
      this.#requests = requests;
      requests.push({ start: { subscription: this.name, from: "earliest", kinds: ["properties"] } });
      this.receipts.streams += 1;
      try {
        for await (const delivery of client.subscribe(nobody, requests)) this.#receive(delivery, requests);
      } catch (error) {
        this.receipts.note((error as Error).message);
      }
      await client.stop();
      await pause(reconnectMs, stopped);
    }
  }

  #receive(delivery: Delivery, requests: RequestQueue): void {
    this.receipts.write(delivery.device.deviceName, versionIn(JSON.parse(delivery.body) as ReportBody));
    requests.push({ acknowledgedOffset: delivery.offset });
  }
}
