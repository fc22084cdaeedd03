import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { formatTopic } from "@mooring/contracts";
import { makeSigningRequest } from "@mooring/testkit";
import type { LoadDevice } from "../load/plan.ts";
import type { Platform } from "./start-platform.ts";

const model = { name: "Thermostat", version: "1.0.0" };
const modelFile = new URL("../../examples/thermostat.sdf.json", import.meta.url);
export const productKey = "benchproduct";
const requestsAtOnce = 4;

/** Devices of one product whose reports must fit the thermostat's model. */
export interface Fleet {
  /** As they sign on with their secrets over plain TCP, and with their certificates over TLS. */
  readonly plain: readonly LoadDevice[];
  readonly tls: readonly LoadDevice[];
}

/** Makes the product and its devices over REST, each with a secret and, if wanted, a certificate. */
export async function createFleet(platform: Platform, size: number, { certificates = true } = {}): Promise<Fleet> {
  const ask = createClient(platform);
  await ask("PUT", `/v1/thing-models/${model.name}/versions/${model.version}`, readFileSync(modelFile, "utf8"));
  const product = { productKey, name: "Benchmark", validation: "enforce", secretAuthentication: true, thingModel: model };
  await ask("POST", "/v1/products", product);
  const plain: LoadDevice[] = [];
  const tls: LoadDevice[] = [];
  const places = Array.from({ length: size }, (_, place) => place);
  const worker = async (): Promise<void> => {
    for (let place = places.shift(); place !== undefined; place = places.shift()) {
      const deviceName = `thermostat-${String(place + 1).padStart(4, "0")}`;
      const path = `/v1/products/${productKey}/devices`;
      await ask("POST", path, { deviceName });
      const { secret } = await ask("POST", `${path}/${deviceName}/secret`);
      const topic = formatTopic("propertyPost", { productKey, deviceName });
      plain[place] = { ...signOn(deviceName, String(secret)), topic };
      if (!certificates) continue;
      const { csrPem, privateKey } = makeSigningRequest();
      const keyPem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
      const { chainPem } = await ask("POST", `${path}/${deviceName}/certificates`, { csr: csrPem });
      tls[place] = { clientId: deviceName, username: "", password: "", topic, certificatePem: String(chainPem), keyPem };
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, worker));
  return { plain, tls };
}

/** The form of sign-on that devices in the field use: an HMAC over who they are, with the secret as its key. */
function signOn(deviceName: string, secret: string): Pick<LoadDevice, "clientId" | "username" | "password"> {
  const content = `clientId${deviceName}deviceName${deviceName}productKey${productKey}`;
  return {
    clientId: `${deviceName}|securemode=3,signmethod=hmacsha256|`,
    username: `${deviceName}&${productKey}`,
    password: createHmac("sha256", secret).update(content).digest("hex"),
  };
}

type Ask = (method: string, path: string, body?: object | string) => Promise<Readonly<Record<string, unknown>>>;

function createClient({ rest, apiKey }: Platform): Ask {
  return async (method, path, body) => {
    const headers = { authorization: `Bearer ${apiKey}`, ...(body === undefined ? {} : { "content-type": "application/json" }) };
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(rest + path, { method, headers, ...(body === undefined ? {} : { body: text }) });
    const answer = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} was answered with ${response.status}: ${answer}`);
    return JSON.parse(answer) as Readonly<Record<string, unknown>>;
  };
}
