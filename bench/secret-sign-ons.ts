// Sign-ons of devices that have no certificate: each proof is made before, so that what is measured is the service's part.
import { createHmac, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { type Caller, type DeviceApi, type SecretProof, serviceCaller } from "@mooring/contracts";

export interface SignOnRow {
  readonly name: string;
  readonly work: (index: number) => Promise<unknown>;
}

const gateway = serviceCaller("gateway");
const hourS = 3_600;

/** Gives the first `count` devices of the product, `dev-0` and on, a secret and a public key, and says how each kind of proof is judged. */
export async function makeSecretSignOns(
  api: DeviceApi,
  owner: Caller,
  { productKey, count }: { readonly productKey: string; readonly count: number },
): Promise<readonly SignOnRow[]> {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const publicKeyPem = publicKey.export({ type: "spki", format: "pem" }) as string;
  const proofs: SecretProof[] = [];
  const tokens: string[] = [];
  for (let index = 0; index < count; index++) {
    const address = { productKey, deviceName: `dev-${index}` };
    const { secret } = await api.createDeviceSecret(owner, address);
    await api.addPublicKey(owner, { ...address, publicKeyPem });
    const content = `clientId${index}deviceName${address.deviceName}productKey${productKey}timestamp2524608000000`;
    proofs.push({ ...address, signMethod: "hmacsha256", content, signature: createHmac("sha256", secret).update(content).digest("hex") });
    tokens.push(jwtOf(`${address.deviceName}&${productKey}`, productKey, privateKey));
  }
  const of = <T>(list: readonly T[], index: number): T => list[index % list.length] as T;
  return [
    { name: "sign-ons by secret (HMAC-SHA256)", work: (index) => api.authenticateSecret(gateway, of(proofs, index)) },
    { name: "sign-ons by JSON Web Token (ES256)", work: (index) => api.authenticateJwt(gateway, { jwt: of(tokens, index) }) },
    {
      name: "pre-shared keys looked up for TLS",
      work: (index) => api.findPreSharedKey(gateway, { identity: `dev-${index % count}&${productKey}` }),
    },
  ];
}

function jwtOf(sub: string, aud: string, key: KeyObject): string {
  const encode = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const signed = `${encode({ alg: "ES256" })}.${encode({ sub, aud, exp: Math.floor(Date.now() / 1_000) + hourS })}`;
  const signature = sign("sha256", Buffer.from(signed), { key, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}
