import type { CertificateAuthority, RevocationListStatus } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { noQuery, productKey, tagsOf, time, toTime, uuid } from "./schemas.ts";

export const pem = z.string("must be a text in PEM").max(1_000_000, "must have at most 1000000 characters");
const mode = z
  .enum(["known", "register", "provision"])
  .describe("Devices that are not known are refused, or registered and kept until somebody approves their certificate, or made at once.");
const template = z.strictObject({
  productKey,
  namePattern: z
    .string()
    .max(128, "must have at most 128 characters")
    .exactOptional()
    .describe("The device's name, with {cn} and {serial} of its certificate; {cn} when absent."),
  tags: tagsOf(64).exactOptional(),
});
const crlOptions = {
  crlMode: z
    .enum(["auto", "off", "soft", "required"])
    .describe(
      "What its revocation list decides. off: nothing. soft: what is on it is refused, and a list that is missing or too old refuses nobody. required: without a current list all devices of this authority are refused. auto, the default: soft until there is a first list, required from then on.",
    )
    .exactOptional(),
  crlUrl: z
    .string()
    .max(2_048, "must have at most 2048 characters")
    .describe(
      "Where the list is fetched from, http or https; without it the place that the proving certificate names. On a change it is fetched at once; empty for no more.",
    )
    .exactOptional(),
};
export const authorityPath = z.strictObject({ authorityId: uuid });
export const authorityAnswer = z.object({
  authorityId: z.string(),
  kind: z.string().describe("own: made by the platform; foreign: registered."),
  status: z.string().describe("own: active (issues), retired or revoked; foreign: pending, active or inactive."),
  certificatePem: z.string(),
  rootPem: z.string().optional(),
  hasRootKey: z.boolean(),
  revokedAt: time.optional().describe("Of a revoked own one."),
  revocationReason: z.string().optional(),
  rootListDue: time
    .optional()
    .describe(
      "Where the root's key is not kept here: when the root's list ends. Rotating and revoking with rootKeyPem signs the next one.",
    ),
  mode: z.string(),
  template: z
    .object({ productKey: z.string(), namePattern: z.string().optional(), tags: z.record(z.string(), z.string()).optional() })
    .optional(),
  nonce: z.string().optional().describe("The common name of the certificate that proves possession of a pending authority."),
  listDue: time.optional().describe("When the next revocation list is due; see revocationList."),
  revocationList: z
    .object({
      mode: z.string().describe("auto, off, soft or required."),
      state: z.string().describe("none: there was none so far; current; outdated: the next one is due."),
      url: z.string().optional(),
      number: z.string().optional().describe("Decimal."),
      thisUpdate: time.optional(),
      nextUpdate: time.optional(),
      learnedAt: time.optional().describe("When it was given or fetched last."),
      nextFetch: time.optional(),
      error: z.string().optional().describe("Why the last attempt to fetch it failed."),
      errorAt: time.optional(),
    })
    .optional()
    .describe("Of a registered authority."),
  byServerName: z.boolean().describe("Its devices say the tenant's host name in the TLS handshake (SNI)."),
  serverName: z.string().optional().describe("The tenant's host name, where the platform has one for each."),
  createdAt: time,
});
const tags = ["authorities"];

export function authorityRoutes(app: Routes, { devices }: Services): void {
  app.get(
    "/v1/authorities",
    {
      config: { operation: "devices.listAuthorities" },
      schema: {
        tags,
        summary: "The tenant's certificate authorities, newest first",
        querystring: noQuery,
        response: { 200: z.object({ authorities: z.array(authorityAnswer) }) },
      },
    },
    async (request) => ({ authorities: (await devices.listAuthorities(request.caller, {})).authorities.map(toAuthorityAnswer) }),
  );
  app.post(
    "/v1/authorities",
    {
      config: { operation: "devices.registerAuthority", problems: ["quotaExceeded", "failedPrecondition"] },
      schema: {
        tags,
        summary: "Registers an authority of one's own; it is pending until its possession is proved",
        querystring: noQuery,
        body: z.strictObject({
          certificatePem: pem,
          mode: mode.exactOptional(),
          template: template.exactOptional(),
          ...crlOptions,
          byServerName: z
            .boolean()
            .describe("Other tenants may have the same authority: devices connect to the tenant's own host name and say it (SNI).")
            .exactOptional(),
        }),
        response: { 201: authorityAnswer },
      },
    },
    async (request, reply) => {
      const authority = await devices.registerAuthority(request.caller, request.body);
      reply.code(201);
      return toAuthorityAnswer(authority);
    },
  );
  app.patch(
    "/v1/authorities/:authorityId",
    {
      config: { operation: "devices.updateAuthority", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary: "Changes a registered authority; when it is made inactive its devices' connections end within 2 s",
        params: authorityPath,
        querystring: noQuery,
        body: z.strictObject({
          status: z.enum(["active", "inactive"]).exactOptional(),
          mode: mode.exactOptional(),
          template: template.exactOptional(),
          ...crlOptions,
        }),
        response: { 200: authorityAnswer },
      },
    },
    async (request) => toAuthorityAnswer(await devices.updateAuthority(request.caller, { ...request.params, ...request.body })),
  );
  app.delete(
    "/v1/authorities/:authorityId",
    {
      config: { operation: "devices.deleteAuthority", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary:
          "Deletes a registered authority; while certificates or claims of it work, or revocations would be forgotten, only by force",
        params: authorityPath,
        querystring: z.strictObject({
          force: z
            .enum(["true", "false"])
            .describe("true: its certificates, claims and revocations go with it, and connections end within 2 s. Devices stay.")
            .exactOptional(),
        }),
        response: { 204: z.undefined().describe("Deleted.") },
      },
    },
    async (request, reply) => {
      await devices.deleteAuthority(request.caller, { ...request.params, force: request.query.force === "true" });
      return reply.code(204).send();
    },
  );
  app.post(
    "/v1/authorities/:authorityId/prove",
    {
      config: { operation: "devices.proveAuthority", problems: ["notFound", "failedPrecondition", "alreadyExists"] },
      schema: {
        tags,
        summary: "Proves an authority by a certificate it has signed, whose common name is the nonce",
        params: authorityPath,
        querystring: noQuery,
        body: z.strictObject({ certificatePem: pem }),
        response: { 200: authorityAnswer },
      },
    },
    async (request) => toAuthorityAnswer(await devices.proveAuthority(request.caller, { ...request.params, ...request.body })),
  );
  ownRoutes(app, { devices });
}

function ownRoutes(app: Routes, { devices }: Pick<Services, "devices">): void {
  app.post(
    "/v1/authorities/rotate",
    {
      config: { operation: "devices.rotateAuthority", problems: ["failedPrecondition"] },
      schema: {
        tags,
        summary: "Replaces the platform's issuing authority of the tenant; what older ones issued goes on working",
        querystring: noQuery,
        // Fastify gives the schema null when there is no body.
        body: z.preprocess((body) => body ?? {}, z.strictObject({ rootKeyPem: pem.exactOptional() })),
        response: { 201: authorityAnswer },
      },
    },
    async (request, reply) => {
      const authority = await devices.rotateAuthority(request.caller, request.body);
      reply.code(201);
      return toAuthorityAnswer(authority);
    },
  );
  app.post(
    "/v1/authorities/:authorityId/revoke",
    {
      config: { operation: "devices.revokeAuthority", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary:
          "Revokes a retired issuing authority: it comes onto the root's list, and connections by all certificates under it end within 2 s",
        params: authorityPath,
        querystring: noQuery,
        body: z.preprocess(
          (body) => body ?? {},
          z.strictObject({
            reason: z.string().max(64, "must have at most 64 characters").exactOptional(),
            rootKeyPem: pem.exactOptional(),
          }),
        ),
        response: { 200: authorityAnswer },
      },
    },
    async (request) => toAuthorityAnswer(await devices.revokeAuthority(request.caller, { ...request.params, ...request.body })),
  );
  app.post(
    "/v1/authorities/take-root-key",
    {
      config: { operation: "devices.takeRootKey", problems: ["failedPrecondition"] },
      schema: {
        tags,
        summary: "Gives the private key of the tenant's root out and keeps it no longer",
        description:
          "The key is removed before the answer is sent. If the answer is lost, so is the key: devices and the issuing authority go on, and no other issuing authority can be made or revoked.",
        querystring: noQuery,
        response: { 200: z.object({ rootKeyPem: z.string().describe("Shown in this answer and never again."), rootPem: z.string() }) },
      },
    },
    (request) => devices.takeRootKey(request.caller, {}),
  );
}

export function toAuthorityAnswer(authority: CertificateAuthority): z.output<typeof authorityAnswer> {
  const { listDueMs, createdAtMs, template, revocationList, revokedAtMs, rootListDueMs, ...rest } = authority;
  return {
    ...rest,
    ...(template !== undefined && { template: { ...template } }),
    ...(listDueMs !== undefined && { listDue: toTime(listDueMs) }),
    ...(revokedAtMs !== undefined && { revokedAt: toTime(revokedAtMs) }),
    ...(rootListDueMs !== undefined && { rootListDue: toTime(rootListDueMs) }),
    ...(revocationList !== undefined && { revocationList: toListAnswer(revocationList) }),
    createdAt: toTime(createdAtMs),
  };
}

function toListAnswer(status: RevocationListStatus) {
  const { thisUpdateMs, nextUpdateMs, learnedAtMs, nextFetchMs, errorAtMs, ...rest } = status;
  return {
    ...rest,
    ...(thisUpdateMs !== undefined && { thisUpdate: toTime(thisUpdateMs) }),
    ...(nextUpdateMs !== undefined && { nextUpdate: toTime(nextUpdateMs) }),
    ...(learnedAtMs !== undefined && { learnedAt: toTime(learnedAtMs) }),
    ...(nextFetchMs !== undefined && { nextFetch: toTime(nextFetchMs) }),
    ...(errorAtMs !== undefined && { errorAt: toTime(errorAtMs) }),
  };
}
