import type { JsonValue } from "@mooring/contracts";

export interface ApiRequest {
  readonly method?: string;
  /** Sent as JSON unless it is text, which is sent as it is. */
  readonly body?: JsonValue;
  readonly headers?: Readonly<Record<string, string>>;
  /** Another API key than the first owner's; none at all when null. */
  readonly key?: string | null;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined when the answer is no JSON. */
  readonly body: JsonValue | undefined;
  readonly text: string;
}

export type Api = (path: string, request?: ApiRequest) => Promise<ApiAnswer>;

/** Asks the REST API as someone with an API key does. An answer of any status is an answer. */
export function createApi(rest: string, apiKey: string): Api {
  return async (path, { method = "GET", body, headers = {}, key = apiKey } = {}) => {
    const response = await fetch(`${rest}${path}`, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parse(text), text };
  };
}

function parse(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}
