import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { certificateAnswer, toAnswer } from "./certificates.ts";
import { devicePath, fingerprint, noQuery } from "./schemas.ts";

const device = "/v1/products/:productKey/devices/:deviceName";
const keyPairBody = z.strictObject({
  keyType: z.enum(["ec-p256", "ec-p384", "rsa-3072"]).exactOptional().describe("ec-p256 when absent."),
  validityDays: z.int("must be a whole number of days").min(1, "must be at least 1").max(36_500, "must be at most 36500").exactOptional(),
  password: z
    .string()
    .max(128, "must have at most 128 characters")
    .exactOptional()
    .describe("With it the answer holds a PKCS #12 file under this password."),
});
const keyPairAnswer = z.object({
  certificate: certificateAnswer,
  certificatePem: z.string(),
  chainPem: z.string(),
  privateKeyPem: z.string().optional().describe("Shown in this answer and never again."),
  pkcs12Base64: z.string().optional().describe("Key and chain; shown in this answer and never again."),
});
const tags = ["credentials"];

/** What becomes of certificates after they were issued, and those that came from elsewhere. */
export function certificateLifeRoutes(app: Routes, { devices }: Services): void {
  app.patch(
    `${device}/certificates/:fingerprint`,
    {
      config: { operation: "devices.setCertificateStatus", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary:
          "Makes a certificate active (which also approves a pending one) or inactive; connections of an inactive one end within 2 s",
        params: z.strictObject({ ...devicePath.shape, fingerprint }),
        querystring: noQuery,
        body: z.strictObject({ status: z.enum(["active", "inactive"]) }),
        response: { 200: certificateAnswer },
      },
    },
    async (request) => toAnswer(await devices.setCertificateStatus(request.caller, { ...request.params, ...request.body })),
  );
  app.post(
    `${device}/certificates/with-key`,
    {
      config: { operation: "devices.issueKeyPair", problems: ["notFound", "failedPrecondition", "quotaExceeded"] },
      schema: {
        tags,
        summary: "Makes a key and issues a certificate for it, for devices that cannot make a key themselves",
        params: devicePath,
        querystring: noQuery,
        // Fastify gives the schema null when there is no body.
        body: z.preprocess((body) => body ?? {}, keyPairBody),
        response: { 201: keyPairAnswer },
      },
    },
    async (request, reply) => {
      const { certificate, pkcs12, ...rest } = await devices.issueKeyPair(request.caller, { ...request.params, ...request.body });
      reply.code(201);
      const bundle = pkcs12 === undefined ? {} : { pkcs12Base64: Buffer.from(pkcs12).toString("base64") };
      return { certificate: toAnswer(certificate), ...rest, ...bundle };
    },
  );
  app.post(
    `${device}/certificates/register`,
    {
      config: { operation: "devices.registerCertificate", problems: ["notFound", "alreadyExists", "quotaExceeded"] },
      schema: {
        tags,
        summary: "Makes a certificate that a registered authority has signed one of the device's",
        params: devicePath,
        querystring: noQuery,
        body: z.strictObject({ certificatePem: z.string("must be a text in PEM").max(65_536, "must have at most 65536 characters") }),
        response: { 201: certificateAnswer },
      },
    },
    async (request, reply) => {
      const certificate = await devices.registerCertificate(request.caller, { ...request.params, ...request.body });
      reply.code(201);
      return toAnswer(certificate);
    },
  );
}
