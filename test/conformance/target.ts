import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fastFolder } from "@mooring/testkit";
import { startMooring } from "./start-mooring.ts";
import { startMosquitto } from "./start-mosquitto.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** The broker that is judged, and what is known of how it was set up. */
export interface Target {
  /** `given` is one at `MOORING_CONFORMANCE_TARGET`, of which nothing is known but its address. */
  readonly name: "mooring" | "mosquitto" | "given";
  readonly tcp: Address;
  /** Undefined: the tests about WebSocket are skipped. */
  readonly webSocketUrl?: string;
  /** Where a SUBSCRIBE to `filter` is refused. */
  readonly refusing?: Address & { readonly filter: string };
  /** The longest keep-alive it grants to MQTT 5 clients, in seconds. */
  readonly keepAliveSMax?: number;
  /** What it says in CONNACK. */
  readonly receiveMaximum?: number;
}

export interface RunningTarget extends Target {
  stop(): Promise<void>;
}

/**
 * The broker to judge: the one at `MOORING_CONFORMANCE_TARGET` (host:port; with `MOORING_CONFORMANCE_WEBSOCKET`, a ws:// URL, also over
 * WebSocket), else Debian's mosquitto with `MOORING_CONFORMANCE_BROKER=mosquitto`, else ours.
 */
export async function startTarget(): Promise<RunningTarget> {
  const given = process.env["MOORING_CONFORMANCE_TARGET"];
  if (given !== undefined && given !== "") return givenTarget(given);
  const broker = process.env["MOORING_CONFORMANCE_BROKER"] ?? "mooring";
  if (broker !== "mooring" && broker !== "mosquitto") {
    throw new Error(`MOORING_CONFORMANCE_BROKER is mooring or mosquitto, not ${broker}`);
  }
  const folder = mkdtempSync(join(fastFolder(), `mooring-conformance-${broker}-`));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const running = broker === "mosquitto" ? await startMosquitto(folder) : await startMooring(folder);
    return { ...running, stop: () => running.stop().finally(remove) };
  } catch (error) {
    remove();
    throw error;
  }
}

function givenTarget(address: string): RunningTarget {
  const at = address.lastIndexOf(":");
  const port = Number(address.slice(at + 1));
  if (at < 1 || !Number.isInteger(port)) throw new Error(`MOORING_CONFORMANCE_TARGET is host:port, not ${address}`);
  const webSocketUrl = process.env["MOORING_CONFORMANCE_WEBSOCKET"];
  const tcp = { host: address.slice(0, at), port };
  return { name: "given", tcp, ...(webSocketUrl === undefined ? {} : { webSocketUrl }), stop: async () => undefined };
}
