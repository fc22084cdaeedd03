import { assertMay, type Caller, type Operation, operations } from "@mooring/contracts";
import { type Log, type Running, type ServerTls, systemClock } from "@mooring/kit";
import { type Authenticate, authenticateByApiKey, startGrpcServer } from "@mooring/rpc";
import { createKeyMemory } from "./authenticate.ts";
import { createPublicCredentials } from "./grpc-credentials.ts";
import { createSubscriptionGuard } from "./grpc-subscription.ts";
import { limits } from "./limits.ts";
import { hideOwnSubscriptions } from "./own-subscriptions.ts";
import type { Services } from "./route.ts";

export interface PublicGrpcOptions {
  /** `host:port`. */
  readonly listen: string;
  readonly log: Log;
  /** Without it the listener speaks plain text: for a proxy with TLS in front on the same machine, and for tests. */
  readonly tls?: ServerTls;
}

export interface PublicGrpc extends Running {
  readonly address: string;
  /** New connections are shown this certificate. Nothing happens where there is no TLS. */
  replaceTls(tls: ServerTls): void;
}

/** The services' interfaces for back ends, on behalf of the tenant and role of their API key. */
export async function startPublicGrpc(services: Services, options: PublicGrpcOptions): Promise<PublicGrpc> {
  const { access } = services;
  const authenticateWithin = (trustMs: number): Authenticate => {
    const ask = createKeyMemory({ access, clock: systemClock, trustMs });
    return authenticateByApiKey({ authenticateKey: (_, { secret }) => ask(secret) });
  };
  const guard = createSubscriptionGuard(authenticateWithin(limits.keyTrustMs), authenticateWithin(limits.recheck.sharedMs));
  const { credentials, replaceTls } = createPublicCredentials(options.tls);
  const server = await startGrpcServer({
    listen: options.listen,
    log: options.log,
    credentials,
    authenticate: guard.authenticate as Authenticate,
    apis: {
      access: guarded("access", services.access),
      devices: guarded("devices", services.devices),
      "thing-model": guarded("thingModel", services.thingModels),
      shadow: guarded("shadow", services.shadow),
      rrpc: guarded("rrpc", services.rrpc),
      sessions: guarded("sessions", services.sessions),
      events: guarded("events", guard.events(hideOwnSubscriptions(services.events))),
    },
  });
  return { ...server, replaceTls };
}

type Method = (caller: Caller, request: unknown) => unknown;

/**
 * The operations of one service, each behind its rule in the table. The service checks again; here it keeps what is meant for our own
 * processes (authenticating devices, appending to the log) from ever being reached from outside, whatever a service forgets.
 */
function guarded<T extends object>(service: string, api: T): T {
  const methods: Record<string, Method> = {};
  for (const operation of Object.keys(operations) as Operation[]) {
    const [owner, name = ""] = operation.split(".");
    if (owner !== service) continue;
    methods[name] = (caller, request) => {
      assertMay(caller, operation);
      return (api as Record<string, Method>)[name]?.(caller, request);
    };
  }
  return methods as T;
}
