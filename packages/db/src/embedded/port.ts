import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { StartError } from "@mooring/kit";

export const host = "127.0.0.1";

/** The port to listen on: the one asked for, or with 0 the one remembered from the last start, or any free one. */
export async function choosePort(asked: number, portFile: string): Promise<number> {
  if (asked !== 0) {
    if ((await tryPort(asked)) !== undefined) return asked;
    throw new StartError(
      `Port ${asked} on ${host} is already in use, so embedded Postgres cannot listen there. Stop what uses it, or choose another port.`,
    );
  }
  const remembered = readPort(portFile);
  const port = (remembered === undefined ? undefined : await tryPort(remembered)) ?? (await tryPort(0));
  if (port === undefined) throw new StartError(`There is no free port on ${host} for embedded Postgres.`);
  return port;
}

function readPort(portFile: string): number | undefined {
  try {
    const port = Number(readFileSync(portFile, "utf8"));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    // Only a convenience: without it another port is chosen.
    return undefined;
  }
}

/** The port if it can be listened on now; 0 means any. */
async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, host);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  } catch {
    return undefined;
  } finally {
    server.close();
  }
}
