import { createHmac } from "node:crypto";
import { asTenantId, PlatformError, type Role, type SignatureProof } from "@mooring/contracts";
import { createMetrics, type Running, silentLog } from "@mooring/kit";
import rhea, { type Connection, type ConnectionOptions } from "rhea";
import { type AmqpOptions, startAmqp } from "./listen.ts";
import { MemorySubscription } from "./memory-subscription.test-support.ts";

export interface Harness {
  readonly subscription: MemorySubscription;
  readonly revoked: Set<string>;
  /** `down`: keys cannot be checked. `frozen`: nobody answers. `slow`: the check of the key mk_slow takes until then. */
  readonly access: { down: boolean; frozen: boolean; slow: Promise<void> };
  readonly address: string;
  readonly port: number;
  metrics(): Promise<string>;
  /** A client of rhea that never connects again by itself. */
  connect(options?: Partial<ConnectionOptions>): Connection;
  stop(): Promise<void>;
}

export const accessKey = { id: "MK0123456789ABCDEF01234567", secret: "mks_0123456789012345678901234567890123456789012" };

/** Keys are `mk_{role}`, of tenant t1. */
export async function createHarness(options: Partial<AmqpOptions> = {}): Promise<Harness> {
  const subscription = new MemorySubscription();
  const revoked = new Set<string>();
  const access = { down: false, frozen: false, slow: Promise.resolve() };
  const metrics = createMetrics();
  const deps = {
    access: {
      authenticateKey: async (_: unknown, { secret }: { readonly secret: string }) => {
        if (secret === "mk_slow") await access.slow;
        if (access.frozen) await new Promise(() => undefined);
        if (access.down) throw new PlatformError("unavailable", "access is down");
        if (!secret.startsWith("mk_") || revoked.has(secret)) throw new PlatformError("unauthenticated", "the API key is not valid");
        return { tenantId: asTenantId("t1"), principal: `key:${secret}`, role: secret.slice(3) as Role };
      },
      authenticateSignature: async (_: unknown, { authId, content, signature, method }: SignatureProof) => {
        const expected = createHmac(method.toLowerCase().slice(4), accessKey.secret).update(content).digest("base64");
        if (authId !== accessKey.id || revoked.has(authId) || signature !== expected) {
          throw new PlatformError("unauthenticated", "the signature is not valid");
        }
        return { tenantId: asTenantId("t1"), principal: `key:${authId}`, role: "backend" as const };
      },
    },
    events: subscription.events,
    log: silentLog,
    metrics,
  };
  const server: Running & { readonly address: string } = await startAmqp(deps, { listen: "127.0.0.1:0", ...options });
  const port = Number(server.address.split(":")[1]);
  const connections = new Set<Connection>();
  return {
    subscription,
    revoked,
    access,
    address: server.address,
    port,
    metrics: () => metrics.text(),
    connect(more = {}) {
      const container = rhea.create_container();
      for (const event of ["disconnected", "connection_error", "receiver_error", "error", "protocol_error", "session_error"]) {
        container.on(event, () => undefined);
      }
      const connection = container.connect({
        host: "127.0.0.1",
        port,
        username: "group",
        password: "mk_backend",
        reconnect: false,
        ...more,
      } as ConnectionOptions);
      connections.add(connection);
      return connection;
    },
    async stop() {
      for (const connection of connections) connection.close();
      await server.stop();
    },
  };
}
