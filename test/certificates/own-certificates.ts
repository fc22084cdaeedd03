// Certificates of the platform's own authorities, one for each thing that becomes of them.
import { type DeviceRef, deviceCaller } from "@mooring/contracts";
import { makeCaller, makeSigningRequest } from "@mooring/testkit";
import { type OwnCase, ownCases, type Shown } from "./cases.ts";
import type { CertificatePlatform } from "./platform.ts";

/** Of a tenant of its own, whose authorities are replaced and revoked. */
export async function makeOwnCertificates({ devices, stores }: CertificatePlatform): Promise<Readonly<Record<OwnCase, Shown>>> {
  const owner = makeCaller();
  const { productKey } = await devices.createProduct(owner, { name: "Own" });

  async function issue(which: OwnCase) {
    const address = { productKey, deviceName: `own-${ownCases.indexOf(which)}` };
    const device = await devices.createDevice(owner, address);
    const { chainPem, privateKeyPem = "", certificate } = await devices.issueKeyPair(owner, address);
    const named = { ...address, fingerprint: certificate.fingerprint };
    return { address, named, ref: { ...device } as unknown as DeviceRef, shown: { pem: chainPem, keyPem: privateKeyPem } };
  }

  const renew = ({ ref, named }: Awaited<ReturnType<typeof issue>>) =>
    devices.renewCertificate(deviceCaller(ref), { csrPem: makeSigningRequest().csrPem, fingerprint: named.fingerprint });
  const revokeIssuer = async (): Promise<void> => {
    const { authorities } = await devices.listAuthorities(owner, {});
    const issuer = authorities.find(({ status }) => status === "active");
    await devices.rotateAuthority(owner, {});
    await devices.revokeAuthority(owner, { authorityId: issuer?.authorityId ?? "" });
  };
  const become: Readonly<Record<OwnCase, (issued: Awaited<ReturnType<typeof issue>>) => Promise<unknown>>> = {
    active: async () => undefined,
    // The sweeper is asked about the moment at which the overlap ends; nobody else's ends by then.
    superseded: async (issued) => stores.certificates.supersedeDue((await renew(issued)).activateBeforeMs, 100),
    renewed: renew,
    revoked: ({ named }) => devices.revokeCertificate(owner, named),
    inactive: ({ named }) => devices.setCertificateStatus(owner, { ...named, status: "inactive" }),
    disabled: ({ address }) => devices.setDeviceStatus(owner, { ...address, status: "disabled" }),
    deleted: ({ address }) => devices.deleteDevice(owner, address),
    "retired issuer": () => devices.rotateAuthority(owner, {}),
    "revoked issuer": revokeIssuer,
  };
  const made: Partial<Record<OwnCase, Shown>> = {};
  // In an order in which what becomes of one is nothing to those before: the one that is superseded before the one that is only renewed.
  for (const which of Object.keys(become) as OwnCase[]) {
    const issued = await issue(which);
    await become[which](issued);
    made[which] = issued.shown;
  }
  return made as Readonly<Record<OwnCase, Shown>>;
}
