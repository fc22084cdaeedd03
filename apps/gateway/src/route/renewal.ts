// A device renews its certificate over its own channel (wire formats §1.1).
//   /ext/cert/{pk}/{dn}/renew        {"csr":"PEM"}
//   /ext/cert/{pk}/{dn}/renew_reply  {"certificatePem","chainPem","notAfter","activateBefore"}, or {"code","message"}
import { type DeviceApi, errorTable, formatTopic, isJsonObject, PlatformError } from "@mooring/contracts";
import { parsePayload } from "./json-payload.ts";
import type { Exchange, Reply } from "./shadow/exchange.ts";
import type { UplinkMessage } from "./uplink-message.ts";

/** One object with one text. */
const depthMax = 2;
const credentialStart = "certificate:";

/** The fingerprint of the certificate that a credential is; "" for one of another kind. */
export function fingerprintOf(credentialId: string): string {
  return credentialId.startsWith(credentialStart) ? credentialId.slice(credentialStart.length) : "";
}

export function renewalExchange(message: UplinkMessage, devices: Pick<DeviceApi, "renewCertificate">): Exchange {
  const { source } = message;
  const { value, issue } = parsePayload(message.payload, depthMax);
  const csrPem = isJsonObject(value) && typeof value["csr"] === "string" ? value["csr"] : undefined;
  const fingerprint = fingerprintOf(source.credentialId);
  const reply = (body: object): Reply => ({
    topic: formatTopic("certificateRenewReply", source.device),
    body: () => JSON.stringify(body),
  });
  return {
    error: errorOf(issue?.message, csrPem, fingerprint),
    async run() {
      const renewed = await devices.renewCertificate(source.caller, { csrPem: csrPem ?? "", fingerprint });
      const { certificatePem, chainPem, certificate, activateBeforeMs } = renewed;
      return reply({ certificatePem, chainPem, notAfter: toTime(certificate.notAfterMs), activateBefore: toTime(activateBeforeMs) });
    },
    refused: (error) => reply({ code: errorTable[error.code].http, message: error.message.replaceAll("/csrPem", "/csr") }),
  };
}

const toTime = (ms: number): string => new Date(ms).toISOString();

function errorOf(fault: string | undefined, csrPem: string | undefined, fingerprint: string): PlatformError | undefined {
  if (fault !== undefined) return new PlatformError("invalidArgument", fault);
  if (csrPem === undefined) return new PlatformError("invalidArgument", "/csr must be a certificate request in PEM");
  return fingerprint === ""
    ? new PlatformError("failedPrecondition", "only a device that signed on with a certificate can renew it")
    : undefined;
}
