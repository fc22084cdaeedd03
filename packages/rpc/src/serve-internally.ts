import { type Lifecycle, type Log, type Metrics, startOpsServer } from "@mooring/kit";
import type { Apis } from "./apis.ts";
import { authenticateInternal } from "./caller.ts";
import { type InternalTls, internalServerCredentials } from "./credentials.ts";
import { startGrpcServer } from "./server.ts";

export interface InternalService {
  readonly settings: { readonly grpcListen: string; readonly opsListen: string | undefined };
  readonly tls: InternalTls;
  readonly apis: Partial<Apis>;
  /** What has to work for the process to be of use: see startOpsServer. */
  readonly checks: Readonly<Record<string, () => Promise<unknown>>>;
  readonly metrics: Metrics;
  readonly log: Log;
}

/** The last step of every service's main: answers the other services over mutual TLS, and those who look after the process. */
export async function serveInternally(life: Lifecycle, service: InternalService): Promise<void> {
  const { settings, tls, apis, metrics, log } = service;
  const credentials = internalServerCredentials(tls);
  const grpc = await startGrpcServer({ listen: settings.grpcListen, credentials, authenticate: authenticateInternal, apis, log });
  life.add("grpc", grpc);
  if (settings.opsListen !== undefined) {
    const checks = Object.fromEntries(Object.entries(service.checks).map(([name, check]) => [name, async () => void (await check())]));
    life.add("ops", await startOpsServer({ listen: settings.opsListen, metrics, checks }));
  }
  log.info({ grpc: grpc.address }, "ready");
}
