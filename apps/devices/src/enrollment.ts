// What EST asks of the service (RFC 7030): a device's first certificate, and the authorities that it is to trust.
import { X509Certificate } from "node:crypto";
import { assertMay, type DeviceApi, PlatformError } from "@mooring/contracts";
import { issueDeviceCertificate, parseCertificateRequest } from "@mooring/pki";
import type { AuthorityStore } from "./authority-ports.ts";
import type { CertificateStore } from "./certificate-ports.ts";
import { refuseOutcome } from "./certificates.ts";
import { noDevice, parseAddress, tenantOf } from "./input.ts";
import { type IssuingDeps, issueFor } from "./issuing.ts";
import type { DeviceStore, ProductStore } from "./ports.ts";
import { tenantOfServerName } from "./server-name.ts";

export type EnrollmentOperations = Pick<DeviceApi, "enrollCertificate" | "getAuthorityCertificates">;

export interface EnrollmentDeps extends IssuingDeps {
  readonly devices: DeviceStore;
  readonly certificates: CertificateStore;
  readonly authorities: AuthorityStore;
  readonly products: Pick<ProductStore, "find">;
  readonly tenantHost?: string | undefined;
}

const listedMax = 1_000;

export function createEnrollmentOperations(deps: EnrollmentDeps): EnrollmentOperations {
  const { devices, certificates, authorities, products, clock } = deps;

  async function findTenant(productKey: string | undefined, serverName: string | undefined): Promise<string | undefined> {
    if (productKey !== undefined) return (await products.find("anyTenant", productKey))?.tenantId;
    return tenantOfServerName(serverName, deps.tenantHost) ?? (await authorities.findSoleTenant());
  }

  return {
    async enrollCertificate(caller, { csrPem }) {
      assertMay(caller, "devices.enrollCertificate");
      if (caller.device === undefined) throw noDevice();
      const device = await devices.find({ tenantId: tenantOf(caller) }, parseAddress(caller.device));
      if (device?.deviceId !== caller.device.deviceId || device.status !== "enabled") throw noDevice();
      const key = parseCertificateRequest(csrPem);
      const nowMs = clock.now();
      const usable = await certificates.listUsable(device.deviceId, nowMs, listedMax);
      const same = usable.find(({ pem, certificate }) => certificate.status === "active" && publicKeyOf(pem).equals(key));
      // Its answer was lost.
      if (same !== undefined) return { certificate: same.certificate, certificatePem: same.pem, chainPem: same.pem + same.issuingPem };
      if (usable.length > 0) throw hasOne();
      const { made, certificate: stored } = await issueFor(deps, device, undefined, (authority, plan) =>
        issueDeviceCertificate(authority, { ...plan, csrPem }),
      );
      const outcome = await certificates.insert({ ...stored, deviceId: device.deviceId }, { activeMax: 1, nowMs });
      if (outcome === "limit") throw hasOne();
      refuseOutcome(outcome);
      const { authorityId: _, pem: __, ...certificate } = stored;
      return { certificate, certificatePem: made.certificatePem, chainPem: made.chainPem };
    },

    async getAuthorityCertificates(caller, { productKey, serverName }) {
      assertMay(caller, "devices.getAuthorityCertificates");
      const tenantId = await findTenant(productKey, serverName);
      const listed = tenantId === undefined ? [] : await authorities.list(tenantId, listedMax);
      const own = listed.filter(({ kind, status }) => kind === "own" && status !== "revoked");
      if (own.length === 0)
        throw new PlatformError(
          "notFound",
          "it is not known whose authorities are meant: say the key of a product, /.well-known/est/{productKey}/cacerts",
        );
      const roots = new Set(own.map(({ rootPem = "" }) => rootPem));
      return { certificatesPem: [...own.map(({ issuingPem }) => issuingPem), ...roots].join("") };
    },
  };
}

const hasOne = (): PlatformError =>
  new PlatformError(
    "failedPrecondition",
    "the device has a certificate: it is renewed with that one, or an operator revokes that one first",
  );

const publicKeyOf = (pem: string): Buffer => new X509Certificate(pem).publicKey.export({ type: "spki", format: "der" });
