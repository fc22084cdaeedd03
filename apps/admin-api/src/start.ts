import type { AddressInfo } from "node:net";
import { Server as TlsServer } from "node:tls";
import { followServerTls, parseAddress, type Running, type ServerTls } from "@mooring/kit";
import { startAmqp } from "./amqp/listen.ts";
import { startPublicGrpc } from "./grpc.ts";
import { restTlsOptions } from "./http-server.ts";
import { limits } from "./limits.ts";
import { type AdminDeps, createAdminServer } from "./server.ts";

export interface AdminApiOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly restListen: string;
  readonly grpcListen: string;
  /** Without it there is no AMQP. */
  readonly amqpListen?: string | undefined;
  /** The platform's server certificate, for gRPC and AMQP always and for REST when `restTls` is set. */
  readonly tls?: ServerTls;
  readonly restTls?: boolean;
  /** Asked every `readTlsMs` (5,000): what it answers is shown from then on. Without it the certificate is the same until the end. */
  readonly readTls?: () => Promise<ServerTls>;
  readonly readTlsMs?: number;
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
    const following = follow(deps, options, (replaced) => {
      if (app.server instanceof TlsServer) app.server.setSecureContext(restTlsOptions(replaced));
      grpc.replaceTls(replaced);
      amqp?.replaceTls(replaced);
    });
    return {
      restAddress: `${host}:${(app.server.address() as AddressInfo).port}`,
      grpcAddress: grpc.address,
      amqpAddress: amqp?.address,
      stop: async () => {
        await following?.stop();
        await Promise.all([stopRest(), grpc.stop(), amqp?.stop()]);
      },
    };
  } catch (error) {
    await stopRest();
    throw error;
  }
}

function follow({ log }: Pick<AdminDeps, "log">, options: AdminApiOptions, apply: (tls: ServerTls) => void): Running | undefined {
  const { tls: opened, readTls: read, readTlsMs: everyMs } = options;
  if (opened === undefined || read === undefined) return undefined;
  return followServerTls({ opened, read, apply, log, ...(everyMs !== undefined && { everyMs }) });
}

async function startAmqpIfWanted(deps: Omit<AdminDeps, "tls">, { amqpListen }: AdminApiOptions, tls: { readonly tls?: ServerTls }) {
  return amqpListen === undefined ? undefined : await startAmqp(deps, { listen: amqpListen, ...tls });
}
