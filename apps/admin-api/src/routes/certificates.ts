import type { Certificate, DeviceApi } from "@mooring/contracts";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { parseText } from "../json-body.ts";
import type { Routes, Services } from "../route.ts";
import { devicePath, fingerprint, noQuery, time, toTime } from "./schemas.ts";

const device = "/v1/products/:productKey/devices/:deviceName";
const pemContentType = "application/x-pem-file";

export const certificateAnswer = z.object({
  fingerprint: z.string().describe("SHA-256 of the DER, lower-case hex."),
  serial: z.string(),
  subject: z.string(),
  status: z.string().describe("pending, active, inactive, revoked, superseded or expired."),
  notBefore: time,
  notAfter: time,
  revokedAt: time.optional(),
  revocationReason: z.string().optional(),
  revokedBy: z
    .string()
    .optional()
    .describe("platform: here; list: its registered authority's list says so; authority: the authority that issued it was revoked."),
  supersedeAt: time.optional().describe("It was renewed: from then on only its successor works."),
});
const issueAnswer = z.object({
  certificate: certificateAnswer,
  certificatePem: z.string(),
  chainPem: z.string().describe("The certificate, then its issuers: what a device shows."),
});
const issueBody = z.strictObject({
  csr: z.string("must be a PKCS #10 request in PEM").max(65_536, "must have at most 65536 characters"),
  validityDays: z.int("must be a whole number of days").min(1, "must be at least 1").max(36_500, "must be at most 36500").exactOptional(),
});
const documentedBody = {
  "application/json": z.toJSONSchema(issueBody, { io: "input" }),
  [pemContentType]: { type: "string", description: "The PKCS #10 request in PEM, alone." },
};
const tags = ["credentials"];

export function certificateRoutes(app: Routes, { devices }: Services): void {
  app.register(async (scope) => issueRoute(scope as Routes, devices));
  app.get(
    `${device}/certificates`,
    {
      config: { operation: "devices.listCertificates", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Every certificate of a device",
        params: devicePath,
        querystring: noQuery,
        response: { 200: z.object({ certificates: z.array(certificateAnswer) }) },
      },
    },
    async (request) => {
      const { certificates } = await devices.listCertificates(request.caller, request.params);
      return { certificates: certificates.map(toAnswer) };
    },
  );
  app.post(
    `${device}/certificates/:fingerprint/revoke`,
    {
      config: { operation: "devices.revokeCertificate", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Revokes a certificate; connections made with it end within 2 s. Idempotent",
        description:
          "With the reason keyCompromise all certificates of the tenant that carry the same key are revoked, and that key is certified no more.",
        params: z.strictObject({ ...devicePath.shape, fingerprint }),
        querystring: noQuery,
        // Fastify gives the schema null when there is no body.
        body: z.preprocess(
          (body) => body ?? {},
          z.strictObject({ reason: z.string().max(64, "must have at most 64 characters").exactOptional() }),
        ),
        response: { 200: certificateAnswer },
      },
    },
    async (request) => toAnswer(await devices.revokeCertificate(request.caller, { ...request.params, ...request.body })),
  );
}

/** In a scope of its own, where a PEM file may be the whole body: `curl --data-binary @device.csr`. */
function issueRoute(app: Routes, devices: DeviceApi): void {
  app.addContentTypeParser(pemContentType, { parseAs: "buffer" }, async (_: FastifyRequest, body: Buffer) => ({ csr: parseText(body) }));
  app.post(
    `${device}/certificates`,
    {
      config: {
        operation: "devices.issueCertificate",
        problems: ["notFound", "failedPrecondition", "quotaExceeded"],
        contentTypes: ["application/json", pemContentType],
        documentedBody,
        pointers: { "/csrPem": "/csr" },
      },
      schema: {
        tags,
        summary:
          "Issues a certificate for the key of a certificate request; with Accept: application/x-pem-file the answer is the PEM chain alone",
        params: devicePath,
        querystring: noQuery,
        body: issueBody,
        response: {
          201: {
            description: "Issued",
            content: { "application/json": { schema: issueAnswer }, [pemContentType]: { schema: z.string() } },
          },
        },
      },
    },
    async (request, reply) => {
      const { csr, ...rest } = request.body;
      const issued = await devices.issueCertificate(request.caller, { ...request.params, ...rest, csrPem: csr });
      reply.code(201);
      if (wantsPem(request.headers.accept)) return reply.type(pemContentType).send(issued.chainPem);
      return { certificate: toAnswer(issued.certificate), certificatePem: issued.certificatePem, chainPem: issued.chainPem };
    },
  );
}

function wantsPem(accept = ""): boolean {
  return accept.split(",").some((range) => range.split(";", 1)[0]?.trim().toLowerCase() === pemContentType);
}

export function toAnswer(certificate: Certificate): z.output<typeof certificateAnswer> {
  const { fingerprint, serial, subject, status, revokedAtMs, revocationReason, revokedBy, supersedeAtMs } = certificate;
  return {
    fingerprint,
    serial,
    subject,
    status,
    notBefore: toTime(certificate.notBeforeMs),
    notAfter: toTime(certificate.notAfterMs),
    ...(revokedAtMs === undefined ? {} : { revokedAt: toTime(revokedAtMs) }),
    ...(supersedeAtMs === undefined ? {} : { supersedeAt: toTime(supersedeAtMs) }),
    ...(revocationReason === undefined ? {} : { revocationReason }),
    ...(revokedBy === undefined ? {} : { revokedBy }),
  };
}
