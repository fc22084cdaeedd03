import type { SettingTable } from "@mooring/kit";

export const deviceSettings = {
  pkiUrl: {
    env: "MOORING_PKI_URL",
    kind: "string",
    default: null,
    doc: "Where verifiers outside the platform reach the REST API without a key, such as http://pki.example.com:8080. It is written into new certificates, as the place of revocation lists and of OCSP. Without it certificates name no such place.",
  },
} as const satisfies SettingTable;
