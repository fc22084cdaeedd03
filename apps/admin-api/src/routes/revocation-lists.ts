// What registered authorities have revoked, given by hand: as JSON, or as the file that authorities make (PEM, or DER by RFC 2585 §4.2).
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { parseText } from "../json-body.ts";
import type { Routes, Services } from "../route.ts";
import { authorityAnswer, authorityPath, pem, toAuthorityAnswer } from "./authorities.ts";
import { noQuery } from "./schemas.ts";

const pemContentType = "application/x-pem-file";
const derContentType = "application/pkix-crl";
const jsonBody = z.strictObject({ listPem: pem });
const documentedBody = {
  "application/json": z.toJSONSchema(jsonBody, { io: "input" }),
  [pemContentType]: { type: "string", description: "The list in PEM, alone." },
  [derContentType]: { type: "string", format: "binary", description: "The list in DER." },
};

export function revocationListRoutes(app: Routes, services: Services): void {
  app.register(async (scope) => register(scope as Routes, services));
}

/** In a scope of its own, where a file may be the whole body. */
function register(app: Routes, { devices }: Services): void {
  app.addContentTypeParser(pemContentType, { parseAs: "buffer" }, async (_: FastifyRequest, body: Buffer) => ({
    listPem: parseText(body),
  }));
  app.addContentTypeParser(derContentType, { parseAs: "buffer" }, async (_: FastifyRequest, body: Buffer) => ({ list: body }));
  app.put(
    "/v1/authorities/:authorityId/revocation-list",
    {
      config: {
        operation: "devices.putRevocationList",
        problems: ["notFound", "failedPrecondition"],
        contentTypes: ["application/json", pemContentType, derContentType],
        documentedBody,
      },
      schema: {
        tags: ["authorities"],
        summary: "Gives the platform what a registered authority has revoked; connections of what is on it end within 2 s",
        params: authorityPath,
        querystring: noQuery,
        body: z.strictObject({
          listPem: pem.exactOptional(),
          list: z.instanceof(Uint8Array, { error: `is for bodies of ${derContentType}` }).exactOptional(),
        }),
        response: { 200: authorityAnswer },
      },
    },
    async (request) => toAuthorityAnswer(await devices.putRevocationList(request.caller, { ...request.params, ...request.body })),
  );
}
