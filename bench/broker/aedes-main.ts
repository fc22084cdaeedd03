// aedes as it comes, in a process of its own, on plain TCP and on TLS with client certificates.
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { Aedes } from "aedes";
import type { NodeBrokerFacts, NodeBrokerPlan } from "./start-node-broker.ts";

const plan = JSON.parse(process.argv[2] ?? "") as NodeBrokerPlan;
const broker = await Aedes.createBroker();
const tls = {
  cert: readFileSync(plan.certificateFile),
  key: readFileSync(plan.keyFile),
  ca: readFileSync(plan.authorityFile),
  requestCert: true,
  rejectUnauthorized: true,
};

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen({ host: "127.0.0.1", port: 0, backlog: 4_096 }, resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const plain = createServer({ noDelay: true }, broker.handle);
const secure = createTlsServer({ ...tls, noDelay: true } as typeof tls, broker.handle);
secure.on("tlsClientError", (_error, socket) => socket.destroy());
const manifest = JSON.parse(readFileSync(new URL(import.meta.resolve("aedes").replace(/aedes\.js$/, "package.json")), "utf8"));
const facts: NodeBrokerFacts = { version: manifest.version, mqtt: await listen(plain), mqtts: await listen(secure) };
process.send?.(facts);
process.on("SIGTERM", () => process.exit(0));
// Ends with its parent, whatever it is doing.
process.on("disconnect", () => process.exit(1));
