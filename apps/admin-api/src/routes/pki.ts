// What verifiers outside the platform ask, without an API key: revocation lists (RFC 5280 §4.2.1.13) and certificate status (RFC 6960).
import { PlatformError, serviceCaller } from "@mooring/contracts";
import type { FastifyReply, FastifyRequest } from "fastify";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { noQuery, uuid } from "./schemas.ts";

const self = serviceCaller("admin-api");
const statusRequestType = "application/ocsp-request";
/** RFC 6960 appendix A.1 keeps GET for requests below 255 bytes. */
const getCharactersMax = 512;
const authorityPath = z.strictObject({ authorityId: uuid });

export function pkiRoutes(app: Routes, services: Services): void {
  // In a scope of its own, where bodies are DER.
  app.register(async (scope) => register(scope as Routes, services));
}

function register(app: Routes, { devices }: Services): void {
  const answer = async (reply: FastifyReply, authorityId: string, request: Uint8Array): Promise<FastifyReply> => {
    const { response } = await devices.answerStatusRequest(self, { authorityId, request });
    return reply.type("application/ocsp-response").send(Buffer.from(response));
  };
  app.addContentTypeParser(statusRequestType, { parseAs: "buffer" }, async (_: FastifyRequest, body: Buffer) => body);
  app.get(
    "/v1/pki/:authorityId/crl",
    { config: { open: true }, schema: { params: authorityPath, querystring: noQuery } },
    async (request, reply) => {
      const { list } = await devices.getRevocationList(self, request.params);
      return reply.type("application/pkix-crl").send(Buffer.from(list));
    },
  );
  app.get(
    "/v1/pki/:authorityId/root-crl",
    { config: { open: true }, schema: { params: authorityPath, querystring: noQuery } },
    async (request, reply) => {
      const { list } = await devices.getRevocationList(self, { ...request.params, ofRoot: true });
      return reply.type("application/pkix-crl").send(Buffer.from(list));
    },
  );
  app.post(
    "/v1/pki/:authorityId/ocsp",
    {
      config: { open: true, contentTypes: [statusRequestType] },
      schema: { params: authorityPath, querystring: noQuery, body: z.instanceof(Uint8Array, { error: `must be ${statusRequestType}` }) },
    },
    (request, reply) => answer(reply, request.params.authorityId, request.body),
  );
  app.get(
    "/v1/pki/:authorityId/ocsp/*",
    {
      config: { open: true },
      schema: { params: z.strictObject({ authorityId: uuid, "*": z.string().max(getCharactersMax) }), querystring: noQuery },
    },
    (request, reply) => answer(reply, request.params.authorityId, parseBase64(request.params["*"])),
  );
}

/** RFC 6960 appendix A.1: base64 with its `/` and `+`, which some clients percent-encode and some do not. */
function parseBase64(text: string): Buffer {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) throw new PlatformError("invalidArgument", "the path must end in an OCSP request in base64");
  return Buffer.from(text, "base64");
}
