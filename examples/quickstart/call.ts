// A back end that calls a service of a device and prints its answer, or why there is none.
//   node examples/quickstart/call.ts --product a1... --device kitchen --service Reboot --delay-seconds 5
import { parseArgs } from "node:util";
import type { Client, ServiceError } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import { connect } from "./client.ts";

interface CallRequest {
  readonly productKey: string;
  readonly deviceName: string;
  readonly service: string;
  /** google.protobuf.Value, spelt out. */
  readonly input: { readonly structValue: { readonly fields: Readonly<Record<string, { readonly numberValue: number }>> } };
  readonly timeoutMs: number;
}

interface CallResponse {
  readonly messageId: string;
  readonly payload: Buffer;
}

interface RrpcClient extends Client {
  call(request: CallRequest, callback: (error: ServiceError | null, response?: CallResponse) => void): void;
}

const text = { type: "string" } as const;
const { values } = parseArgs({ options: { product: text, device: text, service: text, "delay-seconds": text } });
const { product = "", device = "", service = "" } = values;

const client = connect("mooring/rrpc/v1/rrpc.proto", "mooring.rrpc.v1.RrpcService") as RrpcClient;
const input = { structValue: { fields: { delaySeconds: { numberValue: Number(values["delay-seconds"] ?? 0) } } } };
client.call({ productKey: product, deviceName: device, service, input, timeoutMs: 5_000 }, (error, response) => {
  if (response === undefined) {
    console.error(`${status[error?.code ?? status.UNKNOWN]}: ${error?.details}`);
    process.exitCode = 1;
  } else console.log(`call ${response.messageId} was answered: ${response.payload.toString()}`);
  client.close();
});
