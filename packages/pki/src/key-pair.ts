// A key made for a device that cannot make its own, with its certificate. The key exists in the answer and nowhere else.
import { type DeviceCertificateRequest, type IssuedDeviceCertificate, issueForKey } from "./issue.ts";
import { createPrivateKeyOf, exportPrivateKeyPem, exportPublicKeyInfo, type GeneratedKeyType } from "./keys.ts";
import type { SigningAuthority } from "./signer.ts";

export interface DeviceKeyPair extends IssuedDeviceCertificate {
  /** PKCS#8, unencrypted. */
  readonly privateKeyPem: string;
}

/** Throws what `issueDeviceCertificate` throws. */
export async function issueDeviceKeyPair(
  authority: SigningAuthority,
  request: Omit<DeviceCertificateRequest, "csrPem">,
  keyType: GeneratedKeyType,
): Promise<DeviceKeyPair> {
  const key = await createPrivateKeyOf(keyType);
  const issued = await issueForKey(authority, request, exportPublicKeyInfo(key));
  return { ...issued, privateKeyPem: exportPrivateKeyPem(key) };
}
