import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { run } from "@mooring/testkit";
import type { PlatformAddress } from "./platform.ts";
import { root } from "./service-process.ts";

export interface BufAnswer {
  /** 0 when the call succeeded; buf's exit code is eight times gRPC's status code. */
  readonly status: number;
  /** The answer as proto3 JSON, or the failure. */
  readonly body: JsonObject;
}

/** Calls the public gRPC listener with `buf curl`, which knows the IDL and nothing else of us. */
export async function bufCurl(platform: PlatformAddress, method: string, request: JsonObject): Promise<BufAnswer> {
  const tool = { path: join(root, "node_modules/.bin/buf"), env: { HOME: process.env["HOME"] ?? "/tmp" } };
  const url = `https://${platform.grpc}/${method}`;
  const key = ["-H", `authorization: Bearer ${platform.apiKey}`];
  const args = ["curl", "--schema", join(root, "proto"), "--protocol", "grpc", "--cacert", platform.caFile, ...key];
  const { code, stdout, stderr } = await run(tool, [...args, "-d", JSON.stringify(request), url], { timeoutMs: 30_000 });
  const text = code === 0 ? stdout : stderr;
  try {
    return { status: (code ?? 0) / 8, body: JSON.parse(text) as JsonObject };
  } catch {
    throw new Error(`buf curl ${method}: ${code} ${text}`);
  }
}
