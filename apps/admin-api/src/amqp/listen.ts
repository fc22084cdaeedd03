// Accepts TCP connections, speaks TLS on them, and keeps the limits that many connections share.
import { createServer, type Socket } from "node:net";
import { createSecureContext, type SecureContext, TLSSocket } from "node:tls";
import { type AccessApi, type Caller, type EventApi, serviceCaller } from "@mooring/contracts";
import { type Log, type Metrics, parseAddress, pause, type Running, type ServerTls } from "@mooring/kit";
import { AmqpConnection } from "./connection.ts";
import { AmqpCounters, publishAmqpMetrics } from "./counters.ts";
import { type AmqpLimits, amqpLimits } from "./limits.ts";
import { authenticateProof, type Proof } from "./sign-on.ts";

export interface AmqpDeps {
  readonly access: Pick<AccessApi, "authenticateKey" | "authenticateSignature">;
  readonly events: Pick<EventApi, "subscribe" | "getSubscription">;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface AmqpOptions {
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** The platform's server certificate. Without it the listener speaks plain text, and on a loopback address only: API keys pass here. */
  readonly tls?: ServerTls;
  /** For tests: other bounds. */
  readonly limits?: Partial<AmqpLimits>;
}

const loopback = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;
const tickMs = 250;

export interface AmqpDoor extends Running {
  readonly address: string;
  /** New connections are shown this certificate. Nothing happens where there is no TLS. */
  replaceTls(tls: ServerTls): void;
}

/** The AMQP 1.0 door for back ends written for Alibaba's server-side subscription. */
export async function startAmqp(deps: AmqpDeps, options: AmqpOptions): Promise<AmqpDoor> {
  const { host, port } = parseAddress(options.listen);
  if (options.tls === undefined && !loopback.test(host)) throw new Error(`AMQP without TLS is for loopback addresses, not ${host}`);
  const limits = { ...amqpLimits, ...options.limits };
  const counters = new AmqpCounters();
  publishAmqpMetrics(deps.metrics, counters);
  const connections = new Set<AmqpConnection>();
  const open = createOpener({ deps, limits, counters, connections });
  let secureContext = options.tls && contextOf(options.tls);

  const server = createServer((socket) => {
    const waiting = [...connections].reduce((count, { tenantId }) => count + (tenantId === undefined ? 1 : 0), 0);
    if (waiting < limits.unauthenticatedMax && connections.size < limits.connectionsMax) {
      return open(secureContext === undefined ? socket : secure(socket, secureContext));
    }
    counters.refused++;
    socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
  server.on("error", (error) => deps.log.error({ err: error }, "the AMQP listener failed"));
  const ticker = setInterval(
    () => {
      const nowMs = performance.now();
      for (const connection of connections) connection.onTick(nowMs);
    },
    Math.min(tickMs, limits.signOnMs),
  );

  const bound = server.address();
  return {
    address: `${host}:${typeof bound === "object" && bound !== null ? bound.port : port}`,
    replaceTls(tls) {
      if (secureContext !== undefined) secureContext = contextOf(tls);
    },
    async stop() {
      server.close();
      for (const connection of connections)
        connection.close({ condition: "amqp:connection:forced", description: "the platform is stopping" });
      const giveUpAt = performance.now() + limits.closeMs;
      while (connections.size > 0 && performance.now() < giveUpAt) await pause(10);
      for (const connection of connections) connection.destroy();
      clearInterval(ticker);
    },
  };
}

const contextOf = ({ certificatePem, keyPem }: ServerTls): SecureContext =>
  createSecureContext({ cert: certificatePem, key: keyPem, minVersion: "TLSv1.2" });

/** Begins the handshake; what fails in it is an error of the socket returned. */
function secure(socket: Socket, secureContext: SecureContext): TLSSocket {
  const tls = new TLSSocket(socket, { isServer: true, secureContext });
  socket.on("error", (error) => tls.destroy(error));
  return tls;
}

interface Shared {
  readonly deps: AmqpDeps;
  readonly limits: AmqpLimits;
  readonly counters: AmqpCounters;
  readonly connections: Set<AmqpConnection>;
}

/** Makes a connection of an accepted socket, which begins its TLS handshake when it is read. */
function createOpener({ deps, limits, counters, connections }: Shared): (socket: Socket) => void {
  const self = serviceCaller("amqp");
  const authenticate = (proof: Proof): Promise<Caller> => authenticateProof(deps.access, self, proof);
  const admit = (caller: Caller): boolean => {
    let others = 0;
    for (const { tenantId } of connections) if (tenantId === caller.tenantId) others++;
    return others < limits.connectionsPerTenantMax;
  };
  return (socket) => {
    const connection = new AmqpConnection(socket, {
      events: deps.events,
      authenticate,
      log: deps.log,
      limits,
      counters,
      admit,
      onEnd: () => {
        connections.delete(connection);
        counters.connections--;
      },
    });
    connections.add(connection);
    counters.connections++;
  };
}
