import { createServer, type Server } from "node:http";
import { parseAddress } from "./address.ts";
import type { Running } from "./lifecycle.ts";
import type { Metrics } from "./metrics.ts";

export interface OpsDeps {
  /** `host:port`. */
  readonly listen: string;
  readonly metrics: Metrics;
  /** Named checks; each throws when its part is not able to work. */
  readonly checks: Readonly<Record<string, () => Promise<void>>>;
}

/** For machines that look after the process, not for its users: /livez, /readyz and /metrics. */
export async function startOpsServer(deps: OpsDeps): Promise<Running & { readonly address: string }> {
  const server = createServer((request, response) => {
    void answer(deps, request.url ?? "/").then(({ status, type, body }) => {
      response.writeHead(status, { "content-type": type });
      response.end(body);
    });
  });
  server.requestTimeout = 10_000;
  const { host, port } = parseAddress(deps.listen);
  await listen(server, host, port);
  const bound = server.address();
  return {
    address: typeof bound === "object" && bound !== null ? `${host}:${bound.port}` : deps.listen,
    stop: () => closeServer(server),
  };
}

async function answer(deps: OpsDeps, url: string): Promise<{ status: number; type: string; body: string }> {
  if (url === "/livez") return { status: 200, type: "text/plain", body: "ok\n" };
  if (url === "/metrics") return { status: 200, type: deps.metrics.contentType, body: await deps.metrics.text() };
  if (url === "/readyz") {
    const failed = await runChecks(deps.checks);
    return {
      status: failed.length === 0 ? 200 : 503,
      type: "application/json",
      body: JSON.stringify({ ready: failed.length === 0, failed }),
    };
  }
  return { status: 404, type: "text/plain", body: "only /livez, /readyz and /metrics are here\n" };
}

/** The names of the checks that failed. */
export async function runChecks(checks: OpsDeps["checks"]): Promise<readonly string[]> {
  const results = await Promise.allSettled(Object.values(checks).map((check) => check()));
  return Object.keys(checks).filter((_, i) => results[i]?.status === "rejected");
}

/** Resolves when the server listens; rejects with the operating system's error, which names address and port. */
export function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
