import type { AddressInfo } from "node:net";
import { parseAddress, type Running } from "@mooring/kit";
import { startAmqp } from "./amqp/listen.ts";
import { startPublicGrpc } from "./grpc.ts";
import type { TlsMaterial } from "./http-server.ts";
import { limits } from "./limits.ts";
import { type AdminDeps, createAdminServer } from "./server.ts";

export interface AdminApiOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly restListen: string;
  readonly grpcListen: string;
  /** Without it there is no AMQP. */
  readonly amqpListen?: string | undefined;
  /** The platform's server certificate, for gRPC and AMQP always and for REST when `restTls` is set. */
  readonly tls?: TlsMaterial;
  readonly restTls?: boolean;
}

/** Starts the REST, the public gRPC and the AMQP listener. On stop, requests under way may end for `limits.drainMs`. */
export async function startAdminApi(
  deps: Omit<AdminDeps, "tls">,
  options: AdminApiOptions,
): Promise<Running & { readonly restAddress: string; readonly grpcAddress: string; readonly amqpAddress: string | undefined }> {
  const tls = options.tls === undefined ? {} : { tls: options.tls };
  const app = createAdminServer({ ...deps, ...(options.restTls ? tls : {}) });
  const { host, port } = parseAddress(options.restListen);
  await app.listen({ host, port });
  const stopRest = async (): Promise<void> => {
    const timer = setTimeout(() => app.server.closeAllConnections(), limits.drainMs);
    await app.close();
    clearTimeout(timer);
  };
  try {
    const grpc = await startPublicGrpc(deps, { listen: options.grpcListen, log: deps.log, ...tls });
    const amqp = await startAmqpIfWanted(deps, options, tls).catch(async (error: unknown) => {
      await grpc.stop();
      throw error;
    });
    return {
      restAddress: `${host}:${(app.server.address() as AddressInfo).port}`,
      grpcAddress: grpc.address,
      amqpAddress: amqp?.address,
      stop: async () => {
        await Promise.all([stopRest(), grpc.stop(), amqp?.stop()]);
      },
    };
  } catch (error) {
    await stopRest();
    throw error;
  }
}

async function startAmqpIfWanted(deps: Omit<AdminDeps, "tls">, { amqpListen }: AdminApiOptions, tls: { readonly tls?: TlsMaterial }) {
  return amqpListen === undefined ? undefined : await startAmqp(deps, { listen: amqpListen, ...tls });
}
