import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { randomLoopback } from "../../e2e/harness/addresses.ts";
import {
  createSubscription,
  type LedgerSubscriber,
  ReceiptBook,
  type ReportBody,
  type SubscriberOptions,
  versionIn,
} from "../subscriber.ts";

/** One of the ports that webhooks may reach. The harness allows loopback addresses by MOORING_WEBHOOK_ALLOW_NETWORKS. */
const port = 8080;

interface Batch {
  readonly records: readonly { readonly deviceName: string; readonly body: ReportBody }[];
}

/** An HTTP server of its own, which webhooks are sent to. */
export class WebhookSubscriber implements LedgerSubscriber {
  readonly name: string;
  readonly receipts: ReceiptBook;
  readonly #options: SubscriberOptions;
  readonly #server: Server;

  constructor(options: SubscriberOptions) {
    this.name = options.name;
    this.receipts = new ReceiptBook(options.tenant);
    this.#options = options;
    this.#server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      try {
        for await (const chunk of request) chunks.push(chunk as Buffer);
      } catch (error) {
        // Who sends it was killed in the middle of it; there is nobody to answer.
        return this.receipts.note((error as Error).message);
      }
      const { records } = JSON.parse(Buffer.concat(chunks).toString()) as Batch;
      for (const { deviceName, body } of records) this.receipts.write(deviceName, versionIn(body));
      response.writeHead(204).end();
    });
  }

  async start(): Promise<void> {
    const host = `${randomLoopback()}.1`;
    this.#server.listen(port, host);
    await once(this.#server, "listening");
    await createSubscription(this.#options, { webhook: { url: `http://${host}:${port}/hook` } });
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
