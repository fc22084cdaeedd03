import type { Claim, ClaimFailure } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { noQuery, productPath, tagsOf, time, toTime } from "./schemas.ts";

const pem = z.string("must be a text in PEM").max(65_536, "must have at most 65536 characters");
const settings = {
  namePattern: z
    .string()
    .max(128, "must have at most 128 characters")
    .exactOptional()
    .describe("The device's name, with {serial} and other parameters that the device sends; {serial} when absent."),
  tags: tagsOf(64).exactOptional(),
  devicesMax: z
    .int("must be a whole number")
    .min(0, "must be at least 0")
    .max(1_000_000, "must be at most 1000000")
    .exactOptional()
    .describe("Devices that it may make in all; 1000 when absent."),
  allowsNewKeys: z
    .boolean()
    .exactOptional()
    .describe("A device that it has made may come again with another key; the certificates it had end then. false when absent."),
  hookUrl: z
    .string()
    .max(2_048, "must have at most 2048 characters")
    .exactOptional()
    .describe("Asked before each provisioning, signed as webhooks are, with a new secret each time it is set; empty takes it away."),
};
const claimName = z.string().regex(/^[A-Za-z0-9_-]{4,36}$/, "must be 4 to 36 characters of A-Z, a-z, 0-9, _ and -");
const claimPath = z.strictObject({ ...productPath.shape, name: claimName });
const claimAnswer = z.object({
  claimId: z.string(),
  productKey: z.string(),
  name: z.string().describe("Also the name of the provisioning template in AWS's form."),
  status: z.string().describe("active, inactive or revoked."),
  fingerprint: z.string().describe("Of its certificate: SHA-256 of the DER, lower-case hex."),
  notBefore: time,
  notAfter: time,
  namePattern: z.string(),
  tags: z.record(z.string(), z.string()),
  devicesMax: z.int(),
  devices: z.int().describe("Made so far, those that are gone included."),
  allowsNewKeys: z.boolean(),
  hookUrl: z.string().optional(),
  createdAt: time,
});
const hookSecret = z.string().optional().describe("Of the hook that was set: for its signature. Shown in this answer and never again.");
const failureAnswer = z.object({
  reason: z.string().describe("A word for programs, such as hook-refused."),
  message: z.string().describe("What is wrong, and what to look at."),
  serial: z.string().describe("What the device said of itself; empty where it said nothing."),
  protocol: z.string(),
  address: z.string(),
  count: z.int(),
  firstAt: time,
  lastAt: time,
});
const tags = ["claims"];
const base = "/v1/products/:productKey/claims";

export function claimRoutes(app: Routes, { devices }: Services): void {
  app.post(
    base,
    {
      config: {
        operation: "devices.createClaim",
        problems: ["notFound", "alreadyExists", "quotaExceeded", "failedPrecondition"],
        pointers: { "/csrPem": "/csr" },
      },
      schema: {
        tags,
        summary:
          "Makes a claim: a certificate for a whole fleet, which can do nothing but have devices made with certificates of their own",
        params: productPath,
        querystring: noQuery,
        body: z.strictObject({
          name: claimName,
          ...settings,
          csr: pem.exactOptional().describe("A PKCS #10 request; without it and certificatePem a key is made."),
          certificatePem: pem.exactOptional().describe("One that an active registered authority of the tenant's has signed."),
          validityDays: z
            .int("must be a whole number of days")
            .min(1, "must be at least 1")
            .max(36_500, "must be at most 36500")
            .exactOptional(),
        }),
        response: {
          201: z.object({
            claim: claimAnswer,
            certificatePem: z.string(),
            chainPem: z.string(),
            privateKeyPem: z.string().optional().describe("Shown in this answer and never again."),
            hookSecret,
          }),
        },
      },
    },
    async (request, reply) => {
      const { csr, ...rest } = request.body;
      const created = await devices.createClaim(request.caller, {
        ...request.params,
        ...rest,
        ...(csr === undefined ? {} : { csrPem: csr }),
      });
      reply.code(201);
      return { ...created, claim: toAnswer(created.claim) };
    },
  );
  app.get(
    base,
    {
      config: { operation: "devices.listClaims", problems: ["notFound"] },
      schema: {
        tags,
        summary: "The claims of a product, newest first",
        params: productPath,
        querystring: noQuery,
        response: { 200: z.object({ claims: z.array(claimAnswer) }) },
      },
    },
    async (request) => ({ claims: (await devices.listClaims(request.caller, request.params)).claims.map(toAnswer) }),
  );
  oneRoutes(app, { devices });
}

function oneRoutes(app: Routes, { devices }: Pick<Services, "devices">): void {
  app.get(
    `${base}/:name`,
    {
      config: { operation: "devices.getClaim", problems: ["notFound"] },
      schema: { tags, summary: "A claim", params: claimPath, querystring: noQuery, response: { 200: claimAnswer } },
    },
    async (request) => toAnswer(await devices.getClaim(request.caller, request.params)),
  );
  app.patch(
    `${base}/:name`,
    {
      config: { operation: "devices.updateClaim", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary: "Changes a claim; unless it is active its connections end within 2 s. Revoked, it stays so",
        params: claimPath,
        querystring: noQuery,
        body: z.strictObject({ status: z.enum(["active", "inactive", "revoked"]).exactOptional(), ...settings }),
        response: { 200: z.object({ ...claimAnswer.shape, hookSecret }) },
      },
    },
    async (request) => {
      const { claim, hookSecret: secret } = await devices.updateClaim(request.caller, { ...request.params, ...request.body });
      return { ...toAnswer(claim), ...(secret === undefined ? {} : { hookSecret: secret }) };
    },
  );
  app.get(
    `${base}/:name/failures`,
    {
      config: { operation: "devices.listClaimFailures", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Why a claim did not provision: what was refused in the last 7 days, newest first, at most 50 kinds; best effort",
        params: claimPath,
        querystring: noQuery,
        response: { 200: z.object({ failures: z.array(failureAnswer) }) },
      },
    },
    async (request) => ({ failures: (await devices.listClaimFailures(request.caller, request.params)).failures.map(toFailure) }),
  );
}

function toAnswer({ notBeforeMs, notAfterMs, createdAtMs, tags: marks, ...rest }: Claim): z.output<typeof claimAnswer> {
  return { ...rest, tags: { ...marks }, notBefore: toTime(notBeforeMs), notAfter: toTime(notAfterMs), createdAt: toTime(createdAtMs) };
}

function toFailure({ firstAtMs, lastAtMs, ...rest }: ClaimFailure): z.output<typeof failureAnswer> {
  return { ...rest, firstAt: toTime(firstAtMs), lastAt: toTime(lastAtMs) };
}
