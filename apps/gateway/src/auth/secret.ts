// What a CONNECT offers in place of a certificate, in the forms devices in the field use (wire formats §2.2, §2.3):
//
//   secret        client id  {id}|securemode=2,signmethod=hmacsha256,timestamp=2524608000000|     securemode=3 without TLS
//                 password   hex(HMAC(device secret, "clientId{id}deviceName{dn}productKey{pk}timestamp{ts}"))
//   registration  client id  {id}|securemode=2,authType=register,random={r},signmethod=hmacsha256|     or authType=regnwl
//                 password   hex(HMAC(product secret, "deviceName{dn}productKey{pk}random{r}"))
//   token         client id  {id}|securemode=-2,authType=connwl|
//                 password   the token that regnwl gave
//   jwt           password   a JSON Web Token; any client id
//
// The user name is {dn}&{pk} in all but the last. Flags that are not named here (_v, lan, gw, ext, instanceId ...) are not looked at.
import type { DeviceAddress, RegistrationProof, SecretProof, TokenProof } from "@mooring/contracts";

/** The client id taken apart. */
export interface SignOnClientId {
  /** What names the session: the part before the first `|`. */
  readonly id: string;
  readonly flags: ReadonlyMap<string, string>;
}

/** A plain client id has no flags; what stands behind the closing `|` is not looked at. */
export function parseClientId(clientId: string): SignOnClientId {
  const [id = "", list = ""] = clientId.split("|", 2);
  const flags = new Map<string, string>();
  for (const flag of list.split(",")) {
    const at = flag.indexOf("=");
    if (at > 0) flags.set(flag.slice(0, at), flag.slice(at + 1));
  }
  return { id, flags };
}

/** The device a username of the form `{deviceName}&{productKey}` names; undefined for any other: AWS's SDKs say `?SDK=…&Version=…`. */
export function parseUsername(username: string): DeviceAddress | undefined {
  const at = username.lastIndexOf("&");
  const productKey = username.slice(at + 1);
  return at === -1 || !/^[A-Za-z0-9]+$/.test(productKey) ? undefined : { deviceName: username.slice(0, at), productKey };
}

/** Over TLS, or plain: a device says which it means, and a mismatch is somebody in between. */
const secureModes = { tls: "2", tcp: "3" } as const;
const tokenMode = "-2";
/** What firmware means that names none; whether it is taken is the product's affair. */
const signMethodDefault = "hmacmd5";
const jwtPattern = /^eyJ[\w-]+\.[\w-]+\.[\w-]+$/;
const jwtCharactersMax = 4_096;

export type Offer =
  | { readonly kind: "secret"; readonly proof: SecretProof }
  | { readonly kind: "registration"; readonly proof: RegistrationProof }
  | { readonly kind: "token"; readonly proof: TokenProof }
  | { readonly kind: "jwt"; readonly jwt: string };

/** The device a password that is a JSON Web Token says it is of (RFC 7519 §4.1.2): the token's word, which nobody has looked at yet. */
export function claimedByToken(password: Uint8Array | null): DeviceAddress | undefined {
  const text = password === null || password.length > jwtCharactersMax ? "" : Buffer.from(password).toString("latin1");
  if (!jwtPattern.test(text)) return undefined;
  try {
    const { sub, aud }: { sub?: unknown; aud?: unknown } = JSON.parse(Buffer.from(text.split(".")[1] ?? "", "base64url").toString("utf8"));
    if (typeof sub !== "string") return undefined;
    return parseUsername(sub.includes("&") ? sub : `${sub}&${aud}`);
  } catch {
    return undefined;
  }
}

/** What is offered; undefined when it is nothing of these forms. */
export function readOffer(
  clientId: SignOnClientId,
  username: string | null,
  password: Uint8Array | null,
  transport: "tls" | "tcp",
): Offer | undefined {
  if (password === null) return undefined;
  const text = Buffer.from(password).toString("latin1");
  if (text.length <= jwtCharactersMax && jwtPattern.test(text)) return { kind: "jwt", jwt: text };
  const device = username === null ? undefined : parseUsername(username);
  if (device === undefined) return undefined;
  const { id, flags } = clientId;
  const [mode, authType] = [flags.get("securemode"), flags.get("authType")];
  if (authType === "register" || authType === "regnwl") {
    const proof = { ...device, way: authType, signMethod: signMethodOf(flags), random: flags.get("random") ?? "", signature: text };
    return mode === secureModes.tls || mode === tokenMode ? { kind: "registration", proof } : undefined;
  }
  if (mode === tokenMode) return { kind: "token", proof: { ...device, clientId: id, token: text } };
  if (mode !== secureModes[transport]) return undefined;
  return { kind: "secret", proof: { ...device, signMethod: signMethodOf(flags), ...contentsOf(device, clientId), signature: text } };
}

function signMethodOf(flags: ReadonlyMap<string, string>): string {
  return flags.get("signmethod") ?? signMethodDefault;
}

/** The same sign-on by fields of their own, as HTTPS has it (wire formats §2.11). */
export function secretProofOf(device: DeviceAddress, fields: ReadonlyMap<string, string>): SecretProof {
  const clientId = { id: fields.get("clientId") ?? "", flags: fields };
  return { ...device, signMethod: signMethodOf(fields), ...contentsOf(device, clientId), signature: fields.get("sign") ?? "" };
}

/** Its names a device must sign; whether also its client id and its time, nobody can see from outside, so any of these will do. */
function contentsOf(
  { deviceName, productKey }: DeviceAddress,
  { id, flags }: SignOnClientId,
): Pick<SecretProof, "content" | "otherContents"> {
  const timestamp = flags.get("timestamp");
  const names = `deviceName${deviceName}productKey${productKey}`;
  const time = timestamp === undefined ? "" : `timestamp${timestamp}`;
  const content = `clientId${id}${names}${time}`;
  const others = [`clientId${id}${names}`, `${names}${time}`, names];
  return { content, otherContents: [...new Set(others)].filter((other) => other !== content) };
}
