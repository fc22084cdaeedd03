import { readFileSync } from "node:fs";
import rhea, { type Connection, type ConnectionOptions, type EventContext } from "rhea";
import { createSubscription, type LedgerSubscriber, ReceiptBook, type SubscriberOptions } from "../subscriber.ts";

const reconnectMs = 300;
const windowMax = 200;
/** A platform that says nothing for twice as long is left. */
const idleMs = 10_000;

const endings = [
  ...["receiver_error", "receiver_close", "session_error", "session_close", "connection_error", "connection_close"],
  ...["protocol_error", "error", "disconnected"],
];

/** What is in a message, in Alibaba's form. */
interface Report {
  readonly deviceName: string;
  readonly items: Readonly<Record<string, { readonly value: unknown } | undefined>>;
}

/** An AMQP 1.0 receiver, which settles each message as accepted. */
export class AmqpSubscriber implements LedgerSubscriber {
  readonly name: string;
  readonly receipts: ReceiptBook;
  readonly #options: SubscriberOptions;
  #connection: Connection | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: SubscriberOptions) {
    this.name = options.name;
    this.receipts = new ReceiptBook(options.tenant);
    this.#options = options;
  }

  async start(): Promise<void> {
    await createSubscription(this.#options);
    this.#connect();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#connection?.close();
  }

  #connect(): void {
    const { platform, name } = this.#options;
    const [host = "", port] = platform.amqp.split(":");
    const container = rhea.create_container();
    container.on("message", (context) => this.#receive(context));
    // Whatever ends, a link alone or the whole, the client begins again from the start.
    for (const event of endings) container.on(event, (context: EventContext | Error) => this.#leave(connection, reasonOf(context)));
    const tls = { transport: "tls", ca: [readFileSync(platform.caFile)], servername: "localhost", checkServerIdentity: () => undefined };
    const options = {
      host,
      port: Number(port),
      username: name,
      password: platform.apiKey,
      reconnect: false,
      idle_time_out: idleMs,
      ...tls,
    };
    const connection: Connection = container.connect(options as unknown as ConnectionOptions);
    this.#connection = connection;
    this.receipts.streams += 1;
    connection.open_receiver({ source: { address: name }, credit_window: windowMax, autoaccept: false });
  }

  #leave(connection: Connection, reason: string): void {
    if (this.#connection !== connection) return;
    this.receipts.note(reason);
    this.#connection = undefined;
    connection.close();
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#connect(), reconnectMs);
  }

  #receive({ message, delivery }: EventContext): void {
    const content = (message?.body as { readonly content?: Buffer } | undefined)?.content;
    const { deviceName, items } = JSON.parse((content ?? Buffer.from("{}")).toString()) as Report;
    this.receipts.write(deviceName, items["FirmwareVersion"]?.value);
    delivery?.accept();
  }
}

function reasonOf(context: EventContext | Error): string {
  if (context instanceof Error) return context.message;
  const { receiver, session, connection, error } = context;
  const reason = receiver?.error ?? session?.error ?? connection?.error ?? error ?? {};
  const { condition, description, message } = reason as { condition?: string; description?: string; message?: string };
  return `${condition ?? ""} ${description ?? message ?? "the connection ended"}`.trim();
}
