// Enrollment over Secure Transport (RFC 7030) for devices that already have a certificate, the platform's or a registered authority's.
//   GET  /.well-known/est/cacerts          the tenant's own authorities                                     §4.1
//   POST /.well-known/est/simpleenroll     a first certificate of the platform's; the one shown stays       §4.2.1
//   POST /.well-known/est/simplereenroll   the next one; the one shown is superseded after the overlap      §4.2.2
import { type DeviceApi, type DeviceIdentity, deviceCaller, PlatformError } from "@mooring/contracts";
import { createCertsOnly } from "@mooring/pki";
import type { FastifyReply, FastifyRequest } from "fastify";
import { fingerprintOf } from "../route/renewal.ts";

export type EstDevices = Pick<DeviceApi, "listAuthorities" | "renewCertificate">;

export const estStart = "/.well-known/est/";
const requestType = "application/pkcs10";
/** A request with an 8192-bit key is 3 KB of DER. */
const bodyBytesMax = 32 * 1024;

/** `operation` is what follows `estStart`. Throws what is answered as a problem document. */
export async function answerEst(
  devices: EstDevices,
  identity: DeviceIdentity,
  operation: string,
  { request, reply }: { readonly request: FastifyRequest; readonly reply: FastifyReply },
): Promise<FastifyReply> {
  const caller = deviceCaller(identity.device);
  switch (operation) {
    case "cacerts": {
      assertMethod(request, "GET");
      const { authorities } = await devices.listAuthorities(caller, {});
      const roots = new Set(authorities.map(({ rootPem = "" }) => rootPem));
      return send(reply, [...authorities.map(({ certificatePem }) => certificatePem), ...roots].join(""));
    }
    case "simpleenroll":
    case "simplereenroll": {
      assertMethod(request, "POST");
      const csrPem = readRequest(request);
      const fingerprint = fingerprintOf(identity.credentialId);
      const keepsOld = operation === "simpleenroll";
      const { certificatePem } = await devices.renewCertificate(caller, { csrPem, fingerprint, keepsOld });
      return send(reply, certificatePem);
    }
    default:
      throw new PlatformError("notFound", "of EST there are cacerts, simpleenroll and simplereenroll here");
  }
}

function assertMethod({ method }: FastifyRequest, right: "GET" | "POST"): void {
  if (method !== right) throw new PlatformError("methodNotAllowed", `use ${right} here`);
}

/** The body is base64 of the request in DER, whatever Content-Transfer-Encoding says (RFC 8951 §3.1). */
function readRequest({ body, headers }: FastifyRequest): string {
  const type = headers["content-type"]?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== requestType) throw new PlatformError("unsupportedMediaType", `the body must be ${requestType}`);
  const text = body instanceof Buffer && body.length <= bodyBytesMax ? body.toString("latin1").replaceAll(/\s/g, "") : "";
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new PlatformError("invalidArgument", "the body must be a PKCS #10 request in base64");
  const lines = text.match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join("\n")}\n-----END CERTIFICATE REQUEST-----\n`;
}

function send(reply: FastifyReply, certificatesPem: string): FastifyReply {
  const lines = createCertsOnly(certificatesPem)
    .toString("base64")
    .match(/.{1,76}/g);
  return reply
    .header("content-type", "application/pkcs7-mime; smime-type=certs-only")
    .header("content-transfer-encoding", "base64")
    .send(`${lines?.join("\r\n")}\r\n`);
}
