import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type RunResult, run, until } from "@mooring/testkit";
import { onTestFinished } from "vitest";
import type { TestDevice } from "./devices.ts";
import { clientOf } from "./tools.ts";

/** How a client of Debian's mosquitto-clients connects as a device: to the platform's address, with its certificate. */
export function connectionArgs({ platform, certFile, keyFile }: TestDevice): readonly string[] {
  const { mqtts, caFile } = platform;
  return ["-h", mqtts.host, "-p", `${mqtts.port}`, "--cafile", caFile, "--cert", certFile, "--key", keyFile];
}

export interface PublishOptions {
  readonly qos?: 0 | 1;
  /** 5, 311 or 31; 311 unless told, as most devices in the field. */
  readonly version?: "5" | "311" | "31";
  /** Of MQTT 5. */
  readonly userProperties?: readonly (readonly [string, string])[];
}

/** mosquitto_pub: exits 0 once a QoS 1 message is acknowledged. */
export async function publish(device: TestDevice, topic: string, payload: string, options: PublishOptions = {}): Promise<RunResult> {
  const properties = (options.userProperties ?? []).flatMap((pair) => ["-D", "publish", "user-property", ...pair]);
  const flags = ["-V", options.version ?? "311", "-q", `${options.qos ?? 1}`, ...properties, "-t", topic, "-m", payload];
  return run(await clientOf("mosquitto_pub"), [...connectionArgs(device), ...flags], { timeoutMs: 15_000 });
}

/** Where a device asks and where it is answered. */
export interface Exchange {
  readonly to: string;
  readonly from: string;
}

/** mosquitto_rr: listens to one topic, publishes to the other, and prints the first message that comes within `waitS`. */
export async function request(device: TestDevice, { to, from }: Exchange, payload: string, waitS = 10): Promise<RunResult> {
  const flags = ["-V", "5", "-q", "1", "-t", to, "-e", from, "-m", payload, "-W", `${waitS}`];
  return run(await clientOf("mosquitto_rr"), [...connectionArgs(device), ...flags], { timeoutMs: 15_000 });
}

export interface Heard {
  readonly topic: string;
  readonly payload: string;
}

/** A mosquitto_sub that listens until it is stopped, or its test is over. */
export interface Listener {
  readonly heard: readonly Heard[];
  /** Resolves when it has ended by itself, with its exit code. */
  readonly ended: Promise<number | null>;
  /** The message with this place in `heard`, once it is there. */
  message(index?: number): Promise<Heard>;
  stop(): Promise<void>;
}

/**
 * Starts mosquitto_sub within a test, with which it ends; resolves when the platform has granted the subscription. Throws when it does not,
 * with what the client said.
 */
export async function listen(device: TestDevice, filter: string, options: PublishOptions = {}): Promise<Listener> {
  const tool = await clientOf("mosquitto_sub");
  // -d prints the SUBACK, which is how one knows that it listens.
  const flags = ["-d", "-V", options.version ?? "311", "-q", "1", "-t", filter, "-F", ">> %t %p"];
  // Into a pipe it would print by the kilobyte.
  const command = ["-oL", tool.path, ...connectionArgs(device), ...flags];
  const child = spawn("stdbuf", command, { env: { ...process.env, ...tool.env }, stdio: ["ignore", "pipe", "pipe"] });
  let isRunning = true;
  const heard: Heard[] = [];
  const said: string[] = [];
  let granted = false;
  const onLine = (line: string): void => {
    said.push(line);
    granted ||= /^Subscribed \(mid: \d+\): [01]\b/.test(line);
    const match = /^>> (\S+) (.*)$/.exec(line);
    if (match !== null) heard.push({ topic: match[1] ?? "", payload: match[2] ?? "" });
  };
  createInterface({ input: child.stdout }).on("line", onLine);
  createInterface({ input: child.stderr }).on("line", onLine);
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      isRunning = false;
      resolve(code);
    });
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  onTestFinished(stop);
  await until(`${filter} to be granted`, () => granted || !isRunning);
  if (!granted) throw new Error(`mosquitto_sub ended: ${said.join(" | ")}`);
  return {
    heard,
    ended,
    message: (index = 0) => until(`message ${index} on ${filter}`, () => heard[index]),
    stop,
  };
}
