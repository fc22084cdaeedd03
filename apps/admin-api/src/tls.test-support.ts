import type { ServerTls } from "@mooring/kit";
import { createRootAuthority, createServerCertificate } from "@mooring/pki";

/** A server certificate for localhost and 127.0.0.1, or for one name, and the authority to trust for it. */
export async function createTestTls(name?: string): Promise<ServerTls & { readonly ca: string }> {
  const nowMs = Date.now();
  const authority = await createRootAuthority({ name: { commonName: "test" }, validityDays: 2, nowMs });
  const names = name === undefined ? { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"] } : { dnsNames: [name] };
  const made = await createServerCertificate(authority, { ...names, validityDays: 1, nowMs });
  return { certificatePem: made.chainPem, keyPem: made.privateKeyPem, ca: authority.certificatePem };
}
