import {
  type Acknowledgement,
  type Caller,
  type CreateProduct,
  type DeviceAddress,
  deviceNamePattern,
  type FieldIssue,
  invalidField,
  type PageRequest,
  PlatformError,
  type ProductOptions,
  type ProductSecrecy,
  pageSizeDefault,
  pageSizeMax,
  productKeyPattern,
  type Registration,
  type ThingModelPin,
  type UpdateProduct,
  uuidPattern,
  type ValidationMode,
} from "@mooring/contracts";
import { parseProfile } from "./certificate-profile.ts";
import type { Cut, OptionsPatch, ProductPatch, Scope, SecrecyPatch } from "./ports.ts";

export const validationModes = ["enforce", "flag", "off"] as const satisfies readonly ValidationMode[];
export const registrations = ["off", "known", "open"] as const satisfies readonly Registration[];
export const registeredDevicesCeiling = 1_000_000;
export const acknowledgements = ["persisted", "processed"] as const satisfies readonly Acknowledgement[];
/** Ten years: partitions of the history are days, and each costs a table. */
export const historyDaysMax = 3_650;

/** The caller's tenant. A caller without one owns nothing, whatever its role says. */
export function tenantOf(caller: Caller): string {
  if (!uuidPattern.test(caller.tenantId)) throw new PlatformError("permissionDenied", "the caller belongs to no tenant");
  return caller.tenantId;
}

/** What the caller may find: only the platform's own processes look beyond one tenant. */
export function scopeOf(caller: Caller): Scope {
  return caller.role === "service" ? "anyTenant" : { tenantId: tenantOf(caller) };
}

/** Throws `notFound` for a key that no product can have: to the caller it is a product that does not exist. */
export function parseProductKey(productKey: unknown): string {
  if (!isProductKey(productKey)) throw noProduct();
  return productKey;
}

/** Throws `notFound` for an address that no device can have. */
export function parseAddress(address: DeviceAddress): DeviceAddress {
  const { productKey, deviceName } = address;
  if (!isProductKey(productKey)) throw noDevice();
  if (typeof deviceName !== "string" || !deviceNamePattern.test(deviceName)) throw noDevice();
  return { productKey, deviceName };
}

export const noProduct = (): PlatformError => new PlatformError("notFound", "there is no such product");
export const noDevice = (): PlatformError => new PlatformError("notFound", "there is no such device");

/** What a product may be told, checked all at once: every field that is wrong is an issue. Throws invalidArgument. */
export function parseProductFields(request: CreateProduct | UpdateProduct): ProductPatch {
  const { productKey, name, validation, thingModel, certificateProfile } = request;
  const issues: FieldIssue[] = [];
  const refuse = (pointer: string, message: string): undefined => void issues.push({ pointer, message });
  const mode = validationModes.find((candidate) => candidate === validation);
  if (productKey !== undefined && !isProductKey(productKey)) refuse("/productKey", "must be 4 to 32 characters of A-Z, a-z and 0-9");
  if (name !== undefined && !isName(name)) refuse("/name", "must be 1 to 100 characters, not only spaces, without control characters");
  if (validation !== undefined && mode === undefined) refuse("/validation", `must be one of ${validationModes.join(", ")}`);
  if (thingModel !== undefined && !isPin(thingModel)) refuse("/thingModel", "must have a name and a version");
  const options = parseOptions(request, refuse);
  const secrecy = parseSecrecy(request, refuse);
  const profile = certificateProfile === undefined ? undefined : parseProfile(certificateProfile, refuse);
  throwIssues(issues);
  return {
    ...options,
    ...secrecy,
    ...(name === undefined ? {} : { name }),
    ...(mode === undefined ? {} : { validation: mode }),
    ...(profile === undefined ? {} : { certificateProfile: profile }),
    ...(thingModel === undefined ? {} : { thingModel: { name: thingModel.name, version: thingModel.version } }),
  };
}

type Refuse = (pointer: string, message: string) => undefined;

/** The options that were given; each that is wrong is told to `refuse`. */
function parseOptions({ acknowledgement, historyDays, deduplicateIds, pushDelta }: ProductOptions, refuse: Refuse): OptionsPatch {
  const moment = acknowledgements.find((candidate) => candidate === acknowledgement);
  if (acknowledgement !== undefined && moment === undefined) refuse("/acknowledgement", `must be one of ${acknowledgements.join(", ")}`);
  if (historyDays !== undefined && !(Number.isInteger(historyDays) && historyDays >= 1 && historyDays <= historyDaysMax))
    refuse("/historyDays", `must be a whole number from 1 to ${historyDaysMax}`);
  if (deduplicateIds !== undefined && typeof deduplicateIds !== "boolean") refuse("/deduplicateIds", "must be true or false");
  if (pushDelta !== undefined && typeof pushDelta !== "boolean") refuse("/pushDelta", "must be true or false");
  return {
    ...(moment === undefined ? {} : { acknowledgement: moment }),
    ...(historyDays === undefined ? {} : { historyDays }),
    ...(deduplicateIds === undefined ? {} : { deduplicateIds }),
    ...(pushDelta === undefined ? {} : { pushDelta }),
  };
}

/** The same for what devices may sign on with. */
function parseSecrecy(
  { secretAuthentication, legacySignatures, registration, registeredDevicesMax }: ProductSecrecy,
  refuse: Refuse,
): SecrecyPatch {
  const way = registrations.find((candidate) => candidate === registration);
  if (secretAuthentication !== undefined && typeof secretAuthentication !== "boolean")
    refuse("/secretAuthentication", "must be true or false");
  if (legacySignatures !== undefined && typeof legacySignatures !== "boolean") refuse("/legacySignatures", "must be true or false");
  if (registration !== undefined && way === undefined) refuse("/registration", `must be one of ${registrations.join(", ")}`);
  const max = registeredDevicesMax;
  if (max !== undefined && !(Number.isInteger(max) && max >= 0 && max <= registeredDevicesCeiling))
    refuse("/registeredDevicesMax", `must be a whole number from 0 to ${registeredDevicesCeiling}`);
  return {
    ...(secretAuthentication === undefined ? {} : { secretAuthentication }),
    ...(legacySignatures === undefined ? {} : { legacySignatures }),
    ...(way === undefined ? {} : { registration: way }),
    ...(max === undefined ? {} : { registeredDevicesMax: max }),
  };
}

function isProductKey(productKey: unknown): productKey is string {
  return typeof productKey === "string" && productKeyPattern.test(productKey);
}

function isName(name: unknown): boolean {
  return typeof name === "string" && name.isWellFormed() && /^(?=.*\S)[^\p{Cc}]{1,100}$/u.test(name);
}

function isPin(pin: ThingModelPin): boolean {
  const part = (value: unknown): boolean => typeof value === "string" && value.length >= 1 && value.length <= 128;
  return typeof pin === "object" && pin !== null && part(pin.name) && part(pin.version);
}

/** Throws one invalidArgument with all issues, unless there are none. */
export function throwIssues(issues: readonly FieldIssue[]): void {
  if (issues.length === 0) return;
  throw new PlatformError("invalidArgument", issues.map(({ pointer, message }) => `${pointer}: ${message}`).join("; "), { issues });
}

/** A page token is the last key of the page before, in base64url. Throws invalidArgument. */
export function parsePage(page: PageRequest): Cut {
  const size = page.pageSize ?? pageSizeDefault;
  if (!Number.isInteger(size) || size < 1 || size > pageSizeMax) {
    throw invalidField("/pageSize", `must be a whole number from 1 to ${pageSizeMax}`);
  }
  // One more than asked for, to see whether there is a next page.
  const limit = size + 1;
  if (page.pageToken === undefined || page.pageToken === "") return { after: undefined, limit };
  const after = typeof page.pageToken === "string" ? Buffer.from(page.pageToken, "base64url").toString("latin1") : "";
  if (!/^[\x21-\x7e]{1,128}$/.test(after)) throw invalidField("/pageToken", "is not a token this list has given");
  return { after, limit };
}

/** Takes the item that was read beyond the page away and says where the next page begins. */
export function cutPage<T>(
  items: readonly T[],
  cut: Cut,
  keyOf: (item: T) => string,
): { readonly items: readonly T[]; readonly nextPageToken?: string } {
  if (items.length < cut.limit) return { items };
  const kept = items.slice(0, -1);
  const last = kept.at(-1);
  return last === undefined ? { items: kept } : { items: kept, nextPageToken: Buffer.from(keyOf(last)).toString("base64url") };
}
