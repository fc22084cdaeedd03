import { run } from "@mooring/testkit";
import type { TestDevice } from "./devices.ts";
import { clientOf } from "./tools.ts";

export interface CurlAnswer {
  /** 0 when there was none: the handshake failed, or nobody answered. */
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** Asks the HTTPS door with the device's certificate, below the device's own path `/sys/{productKey}/{deviceName}`. */
export async function curl(device: TestDevice, path: string, args: readonly string[] = []): Promise<CurlAnswer> {
  const { platform, certFile, keyFile, productKey, deviceName } = device;
  const tls = ["--cacert", platform.caFile, "--cert", certFile, "--key", keyFile];
  const url = `${platform.https}/sys/${productKey}/${deviceName}${path}`;
  const { stdout } = await run(await clientOf("curl"), ["-sS", "-i", "--http1.1", "--path-as-is", ...tls, ...args, url]);
  const end = stdout.indexOf("\r\n\r\n");
  return { status: Number(/^HTTP\/\S+ (\d+)/.exec(stdout)?.[1] ?? 0), headers: stdout.slice(0, end), body: stdout.slice(end + 4) };
}
