// What both examples need: a client of the platform's public gRPC API, made from its .proto files alone.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Client, credentials, loadPackageDefinition, Metadata, type ServiceClientConstructor } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const proto = fileURLToPath(new URL("../../proto", import.meta.url));

/** A client of a service, such as `mooring.events.v1.EventService`, over TLS with the API key in `KEY`; `GRPC` says where, `CA` whom to trust. */
export function connect(file: string, service: string): Client {
  const { GRPC = "localhost:9090", CA = ".mooring/pki/ca.pem", KEY } = process.env;
  if (KEY === undefined) throw new Error("KEY is not set: export KEY=mk_... as the first start printed it");
  const definition = loadPackageDefinition(loadSync(file, { includeDirs: [proto], longs: Number, defaults: true }));
  const find = (node: unknown, name: string): unknown => (node as Record<string, unknown>)[name];
  const Service = service.split(".").reduce(find, definition as unknown) as ServiceClientConstructor;
  const withKey = credentials.createFromMetadataGenerator((_, done) => {
    const metadata = new Metadata();
    metadata.set("authorization", `Bearer ${KEY}`);
    done(null, metadata);
  });
  return new Service(GRPC, credentials.combineChannelCredentials(credentials.createSsl(readFileSync(CA)), withKey));
}
