import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createRootAuthority, createServerCertificate } from "@mooring/pki";
import type { Certificates } from "./broker.ts";

/** Writes an authority, a server's certificate for loopback and a client's into the folder. */
export async function makeCertificates(folder: string): Promise<Certificates> {
  const nowMs = Date.now();
  const names = { dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"], validityDays: 2, nowMs };
  const authority = await createRootAuthority({ name: { commonName: "bench" }, validityDays: 3, nowMs });
  const server = await createServerCertificate(authority, names);
  const client = await createServerCertificate(authority, { ...names, dnsNames: ["client.test"], clientAuth: true });
  const write = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  return {
    authorityFile: write("ca.pem", authority.certificatePem),
    certificateFile: write("server.pem", server.chainPem),
    keyFile: write("server.key", server.privateKeyPem),
    clientCertificateFile: write("client.pem", client.chainPem),
    clientKeyFile: write("client.key", client.privateKeyPem),
  };
}
