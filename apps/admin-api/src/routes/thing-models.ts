import { type Caller, PlatformError, type ThingModelApi } from "@mooring/contracts";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import { parseText } from "../json-body.ts";
import type { Routes, Services } from "../route.ts";
import { modelName, noQuery } from "./schemas.ts";
import {
  change,
  contentTypes,
  finding,
  modelAnswer,
  modelPath,
  modelRangePath,
  sdfContentType,
  sdfDocument,
  tags,
  toAnswer,
  toFindings,
} from "./thing-model-schemas.ts";

/** Models in other formats become SDF when they are published; the content type says which format it is. */
const foreignFormats: Readonly<Record<string, string>> = { "application/tsl+json": "tsl", "application/tm+json": "wot-tm" };
const publishTypes = [...contentTypes, ...Object.keys(foreignFormats)];
const foreignDocument = { type: "object", description: "A model of another format, which is published as the SDF it means." };

const publishAnswer = z.object({
  model: modelAnswer,
  findings: z.array(finding),
  changes: z.array(change).describe("Against the version before it in its major."),
});
const draftAnswer = z.object({ model: modelAnswer, findings: z.array(finding) });

export function thingModelRoutes(app: Routes, { thingModels }: Services): void {
  app.register(async (scope) => publishRoute(scope as Routes, thingModels));
  app.register(async (scope) => draftRoute(scope as Routes, thingModels));
  app.get(
    "/v1/thing-models/:name/versions/:version",
    {
      config: { operation: "thingModel.get", problems: ["notFound"] },
      schema: {
        tags,
        summary: "The SDF text as it was published, or with view=summary what is known about it; of a range such as ^1, its newest version",
        params: modelRangePath,
        querystring: z.strictObject({ view: z.enum(["document", "summary"]).exactOptional() }),
        response: {
          200: {
            description: "The SDF text, or the summary",
            content: { [sdfContentType]: { schema: z.string() }, "application/json": { schema: modelAnswer } },
          },
        },
      },
    },
    async (request, reply) => {
      const { model, document } = await thingModels.get(request.caller, request.params);
      // The text goes out as the bytes that came in, so that whoever signed or hashed it finds it unchanged.
      return request.query.view === "summary" ? toAnswer(model) : reply.type(sdfContentType).send(document);
    },
  );
  app.get(
    "/v1/thing-models",
    {
      config: { operation: "thingModel.list" },
      schema: {
        tags,
        summary: "Every version of every thing model, or of one; newest first",
        querystring: z.strictObject({ name: modelName.exactOptional() }),
        response: { 200: z.object({ models: z.array(modelAnswer) }) },
      },
    },
    async (request) => {
      const { models } = await thingModels.list(request.caller, request.query);
      return { models: models.map(toAnswer) };
    },
  );
}

/** For a scope of its own, where a body of these types is text that nobody parses before the thing-model service does. */
function takeText(app: Routes, types: readonly string[]): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser([...types], { parseAs: "buffer" }, async (_: FastifyRequest, body: Buffer) => parseText(body));
}

function publishRoute(app: Routes, thingModels: ThingModelApi): void {
  takeText(app, publishTypes);
  app.put(
    "/v1/thing-models/:name/versions/:version",
    {
      config: {
        operation: "thingModel.publish",
        problems: ["alreadyExists", "failedPrecondition", "quotaExceeded"],
        contentTypes: publishTypes,
        documentedBody: Object.fromEntries(
          publishTypes.map((type) => [type, Object.hasOwn(foreignFormats, type) ? foreignDocument : sdfDocument]),
        ),
      },
      schema: {
        tags,
        summary:
          "Publishes a version of a thing model: its text is the body, SDF or by its content type TSL or a W3C Thing Model. The same text again changes nothing; what is not compatible needs a new major",
        params: modelPath,
        querystring: noQuery,
        body: z.string("must be a thing model"),
        response: { 200: publishAnswer.describe("This very text was published before."), 201: publishAnswer.describe("Published.") },
      },
    },
    async (request, reply) => {
      const known = await isPublished(thingModels, request.caller, request.params);
      const format = foreignFormats[mediaTypeOf(request)];
      const { model, findings, changes } = await thingModels.publish(request.caller, {
        ...request.params,
        document: request.body,
        ...(format === undefined ? {} : { format }),
      });
      reply.code(known ? 200 : 201);
      return { model: toAnswer(model), findings: toFindings(findings), changes: [...changes] };
    },
  );
}

/** A draft is written in SDF: a foreign format only becomes SDF once it is sound. */
function draftRoute(app: Routes, thingModels: ThingModelApi): void {
  takeText(app, contentTypes);
  app.put(
    "/v1/thing-models/:name/versions/:version/draft",
    {
      config: {
        operation: "thingModel.saveDraft",
        problems: ["failedPrecondition", "quotaExceeded"],
        contentTypes,
        documentedBody: Object.fromEntries(contentTypes.map((type) => [type, sdfDocument])),
      },
      schema: {
        tags,
        summary: "Keeps or changes the draft of a version, with whatever errors it has, and says which",
        params: modelPath,
        querystring: noQuery,
        body: z.string("must be an SDF document"),
        response: { 200: draftAnswer },
      },
    },
    async (request) => {
      const { model, findings } = await thingModels.saveDraft(request.caller, { ...request.params, document: request.body });
      return { model: toAnswer(model), findings: toFindings(findings) };
    },
  );
}

function mediaTypeOf(request: FastifyRequest): string {
  return (request.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

/** A version that is there can only be published with the text it has, so its being there tells 200 from 201. */
async function isPublished(thingModels: ThingModelApi, caller: Caller, version: { name: string; version: string }): Promise<boolean> {
  try {
    return (await thingModels.get(caller, version)).model.state !== "draft";
  } catch (error) {
    // A name that is no name for a model is for `publish` to refuse, with its reasons.
    if (error instanceof PlatformError && (error.code === "notFound" || error.code === "invalidArgument")) return false;
    throw error;
  }
}
