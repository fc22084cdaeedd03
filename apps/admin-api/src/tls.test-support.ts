import { createRootAuthority, createServerCertificate } from "@mooring/pki";
import type { TlsMaterial } from "./http-server.ts";

/** A server certificate for localhost and 127.0.0.1, and the authority to trust for it. */
export async function createTestTls(): Promise<TlsMaterial & { readonly ca: string }> {
  const nowMs = Date.now();
  const authority = await createRootAuthority({ name: { commonName: "test" }, validityDays: 2, nowMs });
  const made = await createServerCertificate(authority, { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"], validityDays: 1, nowMs });
  return { certificate: made.chainPem, key: made.privateKeyPem, ca: authority.certificatePem };
}
