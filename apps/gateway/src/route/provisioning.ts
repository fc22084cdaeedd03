// What is said over a claim's connection, natively and in AWS's form (wire formats §3.2), and over HTTPS natively.
//
//   /ext/claim/provision                                {"id"?,"csr","serial","parameters"?}
//     .._reply                                          {"id","code":200,"productKey","deviceName","certificatePem","chainPem","notAfter"}
//                                                       or {"id","code","message"}
//   $aws/certificates/create-from-csr/json              {"certificateSigningRequest"}
//   $aws/certificates/create/json                       {}
//     ../accepted                                       {"certificateId","certificatePem","privateKey"?,"certificateOwnershipToken"}
//   $aws/provisioning-templates/{name}/provision/json   {"certificateOwnershipToken","parameters"}
//     ../accepted                                       {"deviceConfiguration":{},"thingName":"{productKey}.{deviceName}"}
//     ../rejected (of all three)                        {"statusCode","errorCode","errorMessage"}
import {
  type ClaimIdentity,
  type DeviceApi,
  type ErrorCode,
  errorTable,
  invalidField,
  isJsonObject,
  type JsonObject,
  PlatformError,
  type ProvisionedDevice,
  type SignOnOrigin,
  serviceCaller,
  toPlatformError,
} from "@mooring/contracts";
import type { Log } from "@mooring/kit";
import type { Guard } from "../auth/guard.ts";
import { parsePayload } from "./json-payload.ts";

export type ProvisioningDevices = Pick<DeviceApi, "createClaimedCertificate" | "provisionDevice">;

export interface ProvisioningDeps {
  readonly devices: ProvisioningDevices;
  readonly guard: Pick<Guard, "mayRegister" | "registered">;
  readonly log: Log;
}

export const nativeTopic = "/ext/claim/provision";
const createTopic = "$aws/certificates/create/json";
const createFromCsrTopic = "$aws/certificates/create-from-csr/json";
const templateTopic = (name: string): string => `$aws/provisioning-templates/${name}/provision/json`;

/** One object, and in it an object of texts. */
const depthMax = 3;

/** Whether a claim may publish there. */
export function isProvisioningTopic(topic: string, { name }: ClaimIdentity): boolean {
  return topic === nativeTopic || topic === createTopic || topic === createFromCsrTopic || topic === templateTopic(name);
}

/** Whether a claim may subscribe to this: to its answers, by their topics or by a wildcard in place of the last level. */
export function isProvisioningFilter(filter: string, { name }: ClaimIdentity): boolean {
  if (filter === `${nativeTopic}_reply`) return true;
  const ends = ["/accepted", "/rejected", "/+", "/#"];
  return [createTopic, createFromCsrTopic, templateTopic(name)].some((topic) => ends.some((end) => filter === topic + end));
}

export interface ProvisioningAnswer {
  readonly topic: string;
  readonly body: string;
  /** What is wrong, if something is. */
  readonly error: PlatformError | undefined;
}

/** Never rejects: what is wrong is the answer. `topic` is one that `isProvisioningTopic`. */
export async function answerProvisioning(
  deps: ProvisioningDeps,
  claim: ClaimIdentity,
  { topic, payload, origin }: { readonly topic: string; readonly payload: Uint8Array; readonly origin: SignOnOrigin },
): Promise<ProvisioningAnswer> {
  const { value, issue } = parsePayload(payload.length === 0 ? Buffer.from("{}") : payload, depthMax);
  const request = isJsonObject(value) ? value : {};
  const isNative = topic === nativeTopic;
  try {
    if (issue !== undefined) throw new PlatformError("invalidArgument", issue.message);
    if (!isJsonObject(value)) throw new PlatformError("invalidArgument", "the payload must be a JSON object");
    const body = isNative
      ? await provisionNatively(deps, claim, request, origin)
      : await answerAws(deps, claim, { topic, request, origin });
    return isNative
      ? { topic: `${nativeTopic}_reply`, body: JSON.stringify({ ...idOf(request), code: 200, ...body }), error: undefined }
      : { topic: `${topic}/accepted`, body: JSON.stringify(body), error: undefined };
  } catch (thrown) {
    const error = toPlatformError(thrown);
    if (error.code === "internal" || error.code === "unavailable")
      deps.log.warn({ err: thrown, claimId: claim.claimId }, "a claim could not provision");
    const message = renamed(error.message, isNative);
    return isNative
      ? { topic: `${nativeTopic}_reply`, body: JSON.stringify({ ...idOf(request), code: errorTable[error.code].http, message }), error }
      : { topic: `${topic}/rejected`, body: JSON.stringify(awsError(error.code, message)), error };
  }
}

export interface NativeAnswer {
  readonly productKey: string;
  readonly deviceName: string;
  readonly certificatePem: string;
  readonly chainPem: string;
  /** RFC 3339. */
  readonly notAfter: string;
}

/** A device that is provisioned natively, as its answer says it. Throws what is wrong. */
export async function provisionNatively(
  { devices, guard }: ProvisioningDeps,
  claim: ClaimIdentity,
  request: JsonObject,
  origin: SignOnOrigin,
): Promise<NativeAnswer> {
  assertRate(guard, claim, origin);
  const csrPem = textOf(request, "csr", "/csr");
  const serial = textOf(request, request["serial"] === undefined ? "deviceName" : "serial", "/serial");
  const { parameters = {} } = request;
  if (!isJsonObject(parameters)) throw invalidField("/parameters", "must be an object of strings");
  const device = await devices.provisionDevice(serviceCaller("gateway"), {
    ...{ claimId: claim.claimId, csrPem, origin },
    parameters: { ...textsOf(parameters), serial },
  });
  const { productKey, deviceName, certificatePem, chainPem, notAfterMs } = device;
  return { productKey, deviceName, certificatePem, chainPem, notAfter: new Date(notAfterMs).toISOString() };
}

interface AwsRequest {
  readonly topic: string;
  readonly request: JsonObject;
  readonly origin: SignOnOrigin;
}

async function answerAws(
  { devices, guard }: ProvisioningDeps,
  claim: ClaimIdentity,
  { topic, request, origin }: AwsRequest,
): Promise<object> {
  assertRate(guard, claim, origin);
  const { claimId } = claim;
  const caller = serviceCaller("gateway");
  if (topic === templateTopic(claim.name)) {
    const ownershipToken = textOf(request, "certificateOwnershipToken", "/certificateOwnershipToken");
    const { parameters = {} } = request;
    if (!isJsonObject(parameters)) throw invalidField("/parameters", "must be an object of strings");
    const device: ProvisionedDevice = await devices.provisionDevice(caller, {
      claimId,
      ownershipToken,
      parameters: textsOf(parameters),
      origin,
    });
    return { deviceConfiguration: {}, thingName: `${device.productKey}.${device.deviceName}` };
  }
  const csrPem = topic === createFromCsrTopic ? textOf(request, "certificateSigningRequest", "/certificateSigningRequest") : undefined;
  const made = await devices.createClaimedCertificate(caller, { claimId, origin, ...(csrPem === undefined ? {} : { csrPem }) });
  const { certificateId, certificatePem, ownershipToken: certificateOwnershipToken, privateKeyPem: privateKey } = made;
  return { certificateId, certificatePem, ...(privateKey === undefined ? {} : { privateKey }), certificateOwnershipToken };
}

function assertRate(guard: ProvisioningDeps["guard"], { claimId }: ClaimIdentity, { address }: SignOnOrigin): void {
  const whose = `claim:${claimId}`;
  if (!guard.mayRegister(whose, address)) throw new PlatformError("quotaExceeded", "too many at once; try again later");
  guard.registered(whose);
}

function textOf(request: JsonObject, name: string, pointer: string): string {
  const value = request[name];
  if (typeof value === "string" && value !== "") return value;
  throw invalidField(pointer, "must be a string that is not empty");
}

/** A name that is none is not repeated: it may be of 60,000 characters, and of those that no MQTT text may have. */
const parameterName = /^[A-Za-z0-9_.:/-]{1,64}$/;

/** Numbers are said as texts: whoever writes them down without quotes means the same. */
function textsOf(parameters: JsonObject): Record<string, string> {
  for (const [name, value] of Object.entries(parameters)) {
    if (!parameterName.test(name)) throw invalidField("/parameters", "names must be 1 to 64 characters of A-Z, a-z, 0-9 and _ . : / -");
    if (typeof value !== "string" && typeof value !== "number")
      throw invalidField(`/parameters/${name.replaceAll("/", "~1")}`, "must be a string");
  }
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, String(value)]));
}

function idOf({ id }: JsonObject): { readonly id?: string } {
  return typeof id === "string" && id.length <= 64 ? { id } : {};
}

/** A pointer, or a message that begins with one: what the service calls a field is to the device what it called it. */
export function nativeField(text: string): string {
  return text.replace(/^\/csrPem(?=$|:)/, "/csr").replace(/^\/parameters\/serial(?=$|:)/, "/serial");
}

/** The same in either form of asking. */
function renamed(message: string, isNative: boolean): string {
  if (isNative) return nativeField(message);
  return message.replace(/^\/csrPem/, "/certificateSigningRequest").replace(/^\/ownershipToken/, "/certificateOwnershipToken");
}

const awsCodes: { readonly [K in ErrorCode]?: string } = {
  invalidArgument: "InvalidPayload",
  unauthenticated: "AccessDenied",
  permissionDenied: "AccessDenied",
  alreadyExists: "ResourceAlreadyExists",
  quotaExceeded: "Throttled",
  unavailable: "ServiceUnavailable",
};

function awsError(code: ErrorCode, message: string): object {
  const isToken = message.startsWith("/certificateOwnershipToken");
  const errorCode = isToken ? "InvalidCertificateOwnershipToken" : (awsCodes[code] ?? "InternalFailure");
  return { statusCode: errorTable[code].http, errorCode, errorMessage: message };
}
