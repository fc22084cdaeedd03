import type { CertificateProfile, Device, FieldIssue } from "@mooring/contracts";

const validityDaysMax = 3_650;
const validityDaysDefault = 1_825;
/** RFC 5280 appendix A.1: the upper bound of O and OU, once they are filled in. */
const partCharactersMax = 64;
/** A UUID, a product key and a device name at their longest. */
const longest: Readonly<Record<string, number>> = { tenantId: 36, productKey: 32, deviceName: 64 };

/** What was given, with every fault told to `refuse`. */
export function parseProfile(
  profile: CertificateProfile,
  refuse: (pointer: FieldIssue["pointer"], message: string) => undefined,
): CertificateProfile {
  const { validityDays, organization, organizationalUnit } = profile;
  if (validityDays !== undefined && !(Number.isInteger(validityDays) && validityDays >= 1 && validityDays <= validityDaysMax))
    refuse("/certificateProfile/validityDays", `must be a whole number from 1 to ${validityDaysMax}`);
  for (const [name, part] of Object.entries({ organization, organizationalUnit })) {
    const fault = part === undefined ? undefined : faultOf(part);
    if (fault !== undefined) refuse(`/certificateProfile/${name}`, fault);
  }
  return {
    ...(validityDays === undefined ? {} : { validityDays }),
    ...(organization === undefined ? {} : { organization }),
    ...(organizationalUnit === undefined ? {} : { organizationalUnit }),
  };
}

/** Refused when it is set, so that no certificate of any device can fail for it later. */
function faultOf(part: unknown): string | undefined {
  if (typeof part !== "string" || !/^[\x20-\x7e]+$/.test(part)) return "must be printable ASCII characters";
  const names = [...part.matchAll(/\{([^{}]*)\}/g)].map(([, name = ""]) => name);
  const unknown = names.find((name) => !Object.hasOwn(longest, name));
  if (unknown !== undefined) return "may hold {productKey}, {deviceName} and {tenantId}, and no other name in braces";
  const length = part.replaceAll(/\{[^{}]*\}/g, "").length + names.reduce((sum, name) => sum + (longest[name] ?? 0), 0);
  return length > partCharactersMax ? `may become ${length} characters long, and ${partCharactersMax} is the most` : undefined;
}

export interface FilledProfile {
  /** When nobody asks for less. */
  readonly validityDays: number;
  readonly validityDaysMax: number;
  readonly organization: string;
  readonly organizationalUnit: string;
}

/** The profile of a product, or what is the rule without one, for one device. */
export function fillProfile(
  profile: CertificateProfile | undefined,
  device: Pick<Device, "tenantId" | "productKey" | "deviceName">,
): FilledProfile {
  const fill = (part: string): string =>
    part
      .replaceAll("{productKey}", device.productKey)
      .replaceAll("{deviceName}", device.deviceName)
      .replaceAll("{tenantId}", device.tenantId);
  return {
    validityDays: profile?.validityDays ?? validityDaysDefault,
    validityDaysMax: profile?.validityDays ?? validityDaysMax,
    organization: fill(profile?.organization ?? "{tenantId}"),
    organizationalUnit: fill(profile?.organizationalUnit ?? "{productKey}"),
  };
}
