import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "@mooring/contracts";
import { createProduct, type Target, type TestDevice } from "./devices.ts";
import { tempFolder } from "./temp-folder.ts";

export interface Fleet {
  readonly productKey: string;
  /** With the claim's certificate. */
  readonly claim: TestDevice;
  readonly path: string;
  readonly hookSecret: string;
}

/** A product with a claim called line-4. */
export async function createFleet(platform: Target, settings: JsonObject = {}): Promise<Fleet> {
  const { productKey } = await createProduct(platform);
  const base = `/v1/products/${productKey}/claims`;
  const created = await platform.api(base, { method: "POST", body: { name: "line-4", ...settings } });
  if (created.status !== 201) throw new Error(`the claim was refused: ${created.text}`);
  const { chainPem, privateKeyPem, hookSecret } = created.body as Record<string, string>;
  const folder = tempFolder("claim");
  const [certFile, keyFile] = [join(folder, "claim.pem"), join(folder, "claim.key")];
  writeFileSync(certFile, chainPem ?? "");
  writeFileSync(keyFile, privateKeyPem ?? "");
  const claim = { platform, productKey, deviceName: "claim", path: "", certFile, keyFile, topic: () => "" };
  return { productKey, claim, path: `${base}/line-4`, hookSecret: hookSecret ?? "" };
}
