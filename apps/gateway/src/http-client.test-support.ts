// A device over HTTPS for tests: one request on a connection of its own.
import { request } from "node:https";
import type { TestCredential } from "./harness.test-support.ts";

export interface HttpRequest {
  readonly method?: string;
  readonly path: string;
  /** An object is sent as JSON. */
  readonly body?: string | object;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly json: Record<string, unknown>;
}

/** Asks with the device's certificate, if it has one. POST unless told otherwise. */
export function ask(
  address: string | undefined,
  by: Pick<TestCredential, "ca"> & Partial<TestCredential>,
  { method = "POST", path, body = "", headers = {} }: HttpRequest,
): Promise<HttpAnswer> {
  const [host, port] = (address ?? "").split(":");
  const own = { ca: by.ca, ...(by.keyPem === undefined ? {} : { cert: by.certificatePem, key: by.keyPem }) };
  return new Promise((resolve, reject) => {
    const outgoing = request({ host, port, method, path, headers, ...own, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = String(response.headers["content-type"]).includes("json");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json: isJson ? JSON.parse(text) : {} });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(typeof body === "string" ? body : JSON.stringify(body));
  });
}
