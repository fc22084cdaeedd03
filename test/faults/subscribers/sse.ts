import { pause } from "@mooring/kit";
import { type LedgerSubscriber, ReceiptBook, type ReportBody, type SubscriberOptions, versionIn } from "../subscriber.ts";

const reconnectMs = 300;
/** The platform sends a heartbeat every 15 s. */
const silenceMsMax = 35_000;

/** A page's stream of events: its place is the last id that it has seen, and it goes on from there. */
export class SseSubscriber implements LedgerSubscriber {
  readonly name: string;
  readonly receipts: ReceiptBook;
  readonly #options: SubscriberOptions;
  readonly #stopped = new AbortController();
  #lastId: string | undefined;
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
    await this.#running;
  }

  async #run(): Promise<void> {
    const stopped = this.#stopped.signal;
    while (!stopped.aborted) {
      this.receipts.streams += 1;
      const over = new AbortController();
      const watch = setTimeout(() => over.abort(new Error("nothing was heard")), silenceMsMax);
      try {
        await this.#read(AbortSignal.any([stopped, over.signal]), watch);
      } catch (error) {
        this.receipts.note((error as Error).message);
      }
      clearTimeout(watch);
      await pause(reconnectMs, stopped);
    }
  }

  async #read(signal: AbortSignal, watch: NodeJS.Timeout): Promise<void> {
    const { rest, apiKey } = this.#options.platform;
    const place = this.#lastId === undefined ? {} : { "last-event-id": this.#lastId };
    const url = `${rest}/v1/events?kinds=properties&from=earliest`;
    const response = await fetch(url, { headers: { authorization: `Bearer ${apiKey}`, ...place }, signal });
    if (response.status !== 200 || response.body === null) throw new Error(`${response.status}: ${await response.text()}`);
    let text = "";
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      watch.refresh();
      const frames = (text + chunk).split("\n\n");
      text = frames.pop() ?? "";
      for (const frame of frames) this.#receive(frame);
    }
  }

  #receive(frame: string): void {
    const fields = new Map(frame.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]));
    if (fields.get("event") === "properties") {
      const { deviceName, body } = JSON.parse(fields.get("data") ?? "") as { readonly deviceName: string; readonly body: ReportBody };
      this.receipts.write(deviceName, versionIn(body));
    }
    this.#lastId = fields.get("id") ?? this.#lastId;
  }
}
