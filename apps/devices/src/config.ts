import { outgoingSettings, type SettingTable } from "@mooring/kit";

export const deviceSettings = {
  pkiUrl: {
    env: "MOORING_PKI_URL",
    kind: "string",
    default: null,
    doc: "Where verifiers outside the platform reach the REST API without a key, such as http://pki.example.com:8080. It is written into new certificates, as the place of revocation lists and of OCSP. Without it certificates name no such place.",
  },
  tenantHost: {
    env: "MOORING_TENANT_HOST",
    kind: "string",
    default: null,
    doc: "Host under which every tenant has a name of its own, {tenantId}.{this}, such as iot.example.com: a device that says this name in the TLS handshake (SNI) is looked for in that tenant alone, so that several tenants may register one authority. *.{this} must lead here and be among MOORING_SERVER_NAMES. Without it server names are not looked at.",
  },
  ...outgoingSettings,
} as const satisfies SettingTable;
