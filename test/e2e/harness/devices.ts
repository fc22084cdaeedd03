import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { formatTopic, type ProductOptions, type TopicKind } from "@mooring/contracts";
import { run } from "@mooring/testkit";
import type { Api } from "./api.ts";
import type { PlatformAddress } from "./platform.ts";
import { root } from "./service-process.ts";
import { tempFolder } from "./temp-folder.ts";
import { clientOf } from "./tools.ts";

/** Where a device or a back end finds the platform. */
export type Target = PlatformAddress & { readonly api: Api };

export interface Product {
  readonly productKey: string;
}

/** A device with a key and certificate of its own, and what a real client needs to be it. */
export interface TestDevice extends Product {
  readonly platform: Target;
  readonly deviceName: string;
  /** `/v1/products/{productKey}/devices/{deviceName}`. */
  readonly path: string;
  /** PEM files: the certificate with its chain, and its key. */
  readonly certFile: string;
  readonly keyFile: string;
  topic(kind: Exclude<TopicKind, "custom">, name?: string): string;
}

/** RSA or the platform's default. */
export type KeyType = "ec" | "rsa";

const modelVersion = "1.0.0";

/** A product of its own, with the thermostat of the examples for its model. */
export async function createProduct({ api }: Target, options: ProductOptions = {}): Promise<Product> {
  const sdf = readFileSync(join(root, "examples/thermostat.sdf.json"), "utf8");
  const modelPath = `/v1/thing-models/thermostat/versions/${modelVersion}`;
  const published = await api(modelPath, { method: "PUT", body: sdf, headers: { "content-type": "application/sdf+json" } });
  if (published.status > 201) throw new Error(`the thing model was refused: ${published.text}`);
  const body = { name: "Thermostat", thingModel: { name: "thermostat", version: modelVersion }, ...options };
  const created = await api("/v1/products", { method: "POST", body });
  if (created.status !== 201) throw new Error(`the product was refused: ${created.text}`);
  return created.body as unknown as Product;
}

/** A device of a product, or of a product of its own, with a certificate that openssl's key and request got it. */
export async function createDevice(platform: Target, product?: Product, keyType: KeyType = "ec"): Promise<TestDevice> {
  const { productKey } = product ?? (await createProduct(platform));
  const deviceName = `therm-${randomBytes(4).toString("hex")}`;
  const path = `/v1/products/${productKey}/devices/${deviceName}`;
  const created = await platform.api(`/v1/products/${productKey}/devices`, { method: "POST", body: { deviceName } });
  if (created.status !== 201) throw new Error(`the device was refused: ${created.text}`);
  const folder = tempFolder("device");
  const files = { certFile: join(folder, "device.pem"), keyFile: join(folder, "device.key") };
  const headers = { "content-type": "application/x-pem-file", accept: "application/x-pem-file" };
  const csr = await createRequest(files.keyFile, `/CN=${deviceName}`, keyType);
  const issued = await platform.api(`${path}/certificates`, { method: "POST", body: csr, headers });
  if (issued.status !== 201) throw new Error(`the certificate request was refused: ${issued.text}`);
  writeFileSync(files.certFile, issued.text);
  return {
    platform,
    productKey,
    deviceName,
    path,
    ...files,
    topic: (kind, name) => formatTopic(kind, { productKey, deviceName }, name),
  };
}

const newKey = { ec: ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"], rsa: ["-newkey", "rsa:2048"] } as const;

/** Makes a key and a certificate request (PEM) for it. */
async function createRequest(keyFile: string, subject: string, keyType: KeyType): Promise<string> {
  return openssl(["req", "-new", ...newKey[keyType], "-nodes", "-keyout", keyFile, "-subj", subject]);
}

/** The device, but with a certificate in its name that it signed itself: of an authority that nobody here knows. */
export async function withForeignCertificate(device: TestDevice): Promise<TestDevice> {
  const folder = tempFolder("device");
  const [certFile, keyFile] = [join(folder, "foreign.pem"), join(folder, "foreign.key")];
  const subject = ["-subj", `/CN=${device.deviceName}`, "-addext", "extendedKeyUsage=clientAuth"];
  const text = await openssl(["req", "-x509", ...newKey.ec, "-nodes", "-keyout", keyFile, ...subject, "-days", "2"]);
  writeFileSync(certFile, text);
  return { ...device, certFile, keyFile };
}

async function openssl(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(await clientOf("openssl"), args);
  if (code !== 0) throw new Error(`openssl ${args.join(" ")}: ${stderr}`);
  return stdout;
}
