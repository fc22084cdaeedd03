import { type ClaimSettings, claimNamePattern, deviceNamePattern, invalidField } from "@mooring/contracts";
import type { ClaimPatch } from "./claim-ports.ts";
import { parseTags } from "./tags.ts";

const devicesCeiling = 1_000_000;
const parametersMax = 32;
const parameterName = /^[A-Za-z0-9_.:/-]{1,64}$/;
const parameterValue = /^[^\p{Cc}]{0,256}$/u;
const placeholder = /\{([A-Za-z0-9_.:/-]{1,64})\}/g;
export const serialName = "serial";
/** What AWS's documentation calls it in the parameters of a provisioning template. */
const serialNameOfAws = "SerialNumber";

/** Throws invalidArgument. */
export function parseClaimName(name: unknown): string {
  if (typeof name === "string" && claimNamePattern.test(name)) return name;
  throw invalidField("/name", "must be 4 to 36 characters of A-Z, a-z, 0-9, _ and -");
}

/** What was given, without the hook. Throws invalidArgument. */
export function parseClaimSettings({ namePattern, tags, devicesMax, allowsNewKeys }: ClaimSettings): ClaimPatch {
  if (namePattern !== undefined && !isNamePattern(namePattern))
    throw invalidField("/namePattern", "must hold {serial} or another parameter in braces, and otherwise A-Z, a-z, 0-9 and _ . : @ -");
  if (devicesMax !== undefined && !(Number.isInteger(devicesMax) && devicesMax >= 0 && devicesMax <= devicesCeiling))
    throw invalidField("/devicesMax", `must be a whole number from 0 to ${devicesCeiling}`);
  if (allowsNewKeys !== undefined && typeof allowsNewKeys !== "boolean") throw invalidField("/allowsNewKeys", "must be true or false");
  const marks = tags === undefined ? undefined : parseTags(tags);
  return {
    ...(namePattern === undefined ? {} : { namePattern }),
    ...(marks === undefined ? {} : { tags: marks }),
    ...(devicesMax === undefined ? {} : { devicesMax }),
    ...(allowsNewKeys === undefined ? {} : { allowsNewKeys }),
  };
}

/** Without a parameter in it every device would have the same name. */
function isNamePattern(pattern: unknown): boolean {
  if (typeof pattern !== "string" || pattern.length > 128) return false;
  const rest = pattern.replaceAll(placeholder, "");
  return rest !== pattern && /^[A-Za-z0-9_.:@-]*$/.test(rest);
}

/** "" takes the hook away. Which addresses are reached is decided when it is asked. Throws invalidArgument. */
export function parseHookUrl(url: unknown): string {
  if (url === "") return "";
  const parsed = typeof url === "string" && url.length <= 2_048 && URL.canParse(url) ? new URL(url) : undefined;
  const isGood = parsed !== undefined && ["http:", "https:"].includes(parsed.protocol) && parsed.username === "" && parsed.password === "";
  if (!isGood) throw invalidField("/hookUrl", "must be an http or https URL without a user, or empty");
  return parsed.href;
}

export type Parameters = Readonly<Record<string, string>>;

/** What the device said of itself. Throws invalidArgument that names the field. */
export function parseParameters(parameters: unknown): Parameters {
  if (typeof parameters !== "object" || parameters === null || Array.isArray(parameters))
    throw invalidField("/parameters", "must be an object of strings");
  const entries = Object.entries(parameters);
  if (entries.length > parametersMax) throw invalidField("/parameters", `at most ${parametersMax}, not ${entries.length}`);
  for (const [name, value] of entries) {
    if (!parameterName.test(name) || name === "__proto__")
      throw invalidField("/parameters", "names must be 1 to 64 characters of A-Z, a-z, 0-9 and _ . : / -");
    const isGood = typeof value === "string" && value.isWellFormed() && parameterValue.test(value);
    if (!isGood)
      throw invalidField(
        `/parameters/${name.replaceAll("/", "~1")}`,
        "must be a string of at most 256 characters, without control characters",
      );
  }
  return Object.fromEntries(entries);
}

/** What names the device in `parameters`; "" when nothing does. */
export function serialOf(parameters: Parameters): string {
  return parameters[serialName] ?? parameters[serialNameOfAws] ?? "";
}

/** The device's name. Throws invalidArgument for a parameter that is missing, and for what makes no name. */
export function fillNamePattern(pattern: string, parameters: Parameters): string {
  const deviceName = pattern.replaceAll(placeholder, (_, name: string) => {
    const value = name === serialName ? serialOf(parameters) : Object.hasOwn(parameters, name) ? (parameters[name] ?? "") : "";
    if (value === "") throw invalidField(`/parameters/${name.replaceAll("/", "~1")}`, "is missing: the device's name is made of it");
    return value;
  });
  if (deviceNamePattern.test(deviceName)) return deviceName;
  const shown = deviceName.length > 80 ? `${deviceName.slice(0, 80).toWellFormed()}…` : deviceName;
  throw invalidField(
    "/parameters",
    `make the device name ${JSON.stringify(shown)}, which must be 4 to 64 characters of A-Z, a-z, 0-9 and _ . : @ -`,
  );
}
