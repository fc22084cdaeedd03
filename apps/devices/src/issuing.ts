// A certificate of the tenant's own authority, as its product has it; what becomes of it is the caller's affair.
import type { Device } from "@mooring/contracts";
import { invalidField } from "@mooring/contracts";
import type { Clock } from "@mooring/kit";
import type { IssuedDeviceCertificate, issueDeviceCertificate, Sealer } from "@mooring/pki";
import { openTenantAuthority } from "./authority.ts";
import type { AuthorityStore } from "./authority-ports.ts";
import type { NewCertificate } from "./certificate-ports.ts";
import { type FilledProfile, fillProfile } from "./certificate-profile.ts";
import { assertKeyKept } from "./compromised-keys.ts";
import type { ProductStore } from "./ports.ts";
import { placesUnder } from "./status-places.ts";

export interface IssuingDeps {
  readonly authorities: AuthorityStore;
  readonly products: Pick<ProductStore, "find">;
  readonly sealer: Sealer;
  readonly clock: Clock;
  /** Where the REST API is reached from outside; written into certificates. Without it they say nothing of lists and answers. */
  readonly statusUrl?: string | undefined;
}

/** Whom a certificate is for: `deviceName` becomes its common name. */
export type Subject = Pick<Device, "tenantId" | "productKey" | "deviceName">;

type IssuePlan = Omit<Parameters<typeof issueDeviceCertificate>[1], "csrPem">;

export interface Issued<T> {
  readonly made: T;
  readonly certificate: Omit<NewCertificate, "deviceId">;
}

/** `issue` is given everything but the key. Throws what it throws, and invalidArgument for a validity that the product does not allow or a key that was revoked as compromised. */
export async function issueFor<T extends IssuedDeviceCertificate>(
  deps: IssuingDeps,
  subject: Subject,
  validityDays: number | undefined,
  issue: (authority: Parameters<typeof issueDeviceCertificate>[0], plan: IssuePlan) => T | Promise<T>,
): Promise<Issued<T>> {
  const { tenantId, productKey, deviceName } = subject;
  const profile = fillProfile((await deps.products.find({ tenantId }, productKey))?.certificateProfile, subject);
  const { organization, organizationalUnit } = profile;
  const days = parseValidity(validityDays, profile);
  const authority = await openTenantAuthority(deps, tenantId);
  const places = placesUnder(deps.statusUrl, authority.id, "crl");
  const made = await issue(authority.signing, {
    ...{ productKey, deviceName, organization, organizationalUnit, validityDays: days, nowMs: deps.clock.now() },
    ...(places && { statusPlaces: places }),
  });
  await assertKeyKept(deps.authorities, { tenantId, certificatePem: made.certificatePem, pointer: "/csrPem" });
  const certificate = {
    fingerprint: made.fingerprintSha256,
    serial: made.serial,
    subject: `CN=${deviceName},OU=${organizationalUnit},O=${organization}`,
    status: "active",
    notBeforeMs: made.notBeforeMs,
    notAfterMs: made.notAfterMs,
    authorityId: authority.id,
    pem: made.certificatePem,
  };
  return { made, certificate };
}

function parseValidity(days: number | undefined, profile: FilledProfile): number {
  if (days === undefined) return profile.validityDays;
  if (!Number.isInteger(days) || days < 1 || days > profile.validityDaysMax)
    throw invalidField("/validityDays", `must be a whole number from 1 to ${profile.validityDaysMax}`);
  return days;
}
