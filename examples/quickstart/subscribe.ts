// A back end that hears what the devices of a product report, acknowledges each report when it is done with it, and ends after some of them.
//   node examples/quickstart/subscribe.ts --subscription quickstart --product a1... --count 1
import { parseArgs } from "node:util";
import type { Client, ClientDuplexStream } from "@grpc/grpc-js";
import { connect } from "./client.ts";

interface LogRecord {
  readonly messageId: string;
  readonly device: { readonly deviceName: string };
  readonly kind: string;
  /** JSON text. */
  readonly body: string;
  readonly offset: number;
}

interface SubscribeRequest {
  readonly start?: object;
  readonly acknowledgedOffset?: number;
}

interface EventClient extends Client {
  subscribe(): ClientDuplexStream<SubscribeRequest, LogRecord>;
}

const text = { type: "string" } as const;
const { values } = parseArgs({ options: { subscription: text, product: text, count: text } });
const { subscription = "quickstart", product = "", count = "1" } = values;

const client = connect("mooring/events/v1/events.proto", "mooring.events.v1.EventService") as EventClient;
const stream = client.subscribe();
// A new subscription begins with the oldest record; one that is known goes on after what it acknowledged.
stream.write({ start: { subscription, from: "earliest", productKey: product, kinds: ["properties"] } });

let left = Number(count);
stream.on("data", (record) => {
  // What comes after the last one wanted is not acknowledged, so it comes again the next time.
  if (left === 0) return;
  console.log(`${record.offset} ${record.device.deviceName} ${record.kind} ${record.body}`);
  stream.write({ acknowledgedOffset: record.offset });
  left -= 1;
  // The platform ends its side once it has read ours to the end, acknowledgements included.
  if (left === 0) stream.end();
});
stream.on("error", (error) => {
  console.error(error.message);
  process.exitCode = 1;
  client.close();
});
stream.on("end", () => client.close());
