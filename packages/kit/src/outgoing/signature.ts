import { createHmac } from "node:crypto";

/** What a receiver checks; see the README beside for how. */
export interface SignedHeaders {
  readonly "Mooring-Webhook-Id": string;
  /** Seconds since 1970: receivers refuse what is older than a few minutes. */
  readonly "Mooring-Webhook-Timestamp": string;
  /** `v1=` and HMAC-SHA-256 over `{id}.{timestamp}.{body}` in hex; the key is the webhook's secret as UTF-8. */
  readonly "Mooring-Webhook-Signature": string;
}

export function signBody(secret: string, id: string, timeMs: number, body: Buffer): SignedHeaders {
  const timestamp = String(Math.floor(timeMs / 1_000));
  const hmac = createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest("hex");
  return { "Mooring-Webhook-Id": id, "Mooring-Webhook-Timestamp": timestamp, "Mooring-Webhook-Signature": `v1=${hmac}` };
}
