import { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import { type Running, silentLog } from "@mooring/kit";
import { type ApiName, type Apis, authenticateInternal, connectGrpc, startGrpcServer } from "@mooring/rpc";

/** A service of the tests. */
interface Service<K extends ApiName> extends Running {
  readonly api: Apis[K];
}

/** The same service behind a wire, and everything else of it as it was; stopping it stops both. */
export async function behindWire<K extends ApiName, S extends Service<K>>(name: K, service: S): Promise<S> {
  const wire = await overWire(name, service.api);
  return {
    ...service,
    api: wire.api,
    async stop() {
      await wire.stop();
      await service.stop();
    },
  };
}

/**
 * The same interface, but over gRPC on loopback: what the conformance suites run against besides the service object itself. Without TLS, since
 * the binding is what is tried here.
 */
export async function overWire<K extends ApiName>(name: K, api: Apis[K]): Promise<{ readonly api: Apis[K] } & Running> {
  const server = await startGrpcServer({
    listen: "127.0.0.1:0",
    credentials: ServerCredentials.createInsecure(),
    authenticate: authenticateInternal,
    apis: { [name]: api } as Partial<Apis>,
    log: silentLog,
  });
  const client = connectGrpc(name, server.address, ChannelCredentials.createInsecure());
  return {
    api: client,
    async stop() {
      await client.stop();
      await server.stop();
    },
  };
}
