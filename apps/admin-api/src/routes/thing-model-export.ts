import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { modelRangePath, tags } from "./thing-model-schemas.ts";

/** Name of each format and the content type its text goes out as; docs/thing-model-formats.md says what each one loses. */
const exportTypes = {
  tsl: "application/tsl+json",
  "json-schema": "application/schema+json",
  "wot-tm": "application/tm+json",
  openapi: "application/vnd.oai.openapi+json",
  avro: "application/vnd.apache.avro+json",
  proto: "text/x-protobuf",
  typescript: "text/x-typescript",
  dtdl: "application/dtdl+json",
} as const;
type ExportName = keyof typeof exportTypes;

const texts = Object.fromEntries(Object.values(exportTypes).map((type) => [type, { schema: z.string() }])) as Record<
  (typeof exportTypes)[ExportName],
  { readonly schema: z.ZodString }
>;
const loss = z.object({ pointer: z.string().describe("JSON pointer into the SDF document."), sentence: z.string() });
const lossesAnswer = z.object({ losses: z.array(loss) });

export function thingModelExportRoutes(app: Routes, { thingModels }: Services): void {
  app.get(
    "/v1/thing-models/:name/versions/:version/export",
    {
      config: { operation: "thingModel.export", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary: "A published version in another format, or with view=losses what that format cannot say of it",
        params: modelRangePath,
        querystring: z.strictObject({
          format: z.enum(Object.keys(exportTypes) as [ExportName, ...ExportName[]]),
          view: z.enum(["document", "losses"]).exactOptional(),
        }),
        response: {
          200: {
            description: "The model in that format, or what is lost",
            content: { ...texts, "application/json": { schema: lossesAnswer } },
          },
        },
      },
    },
    async (request, reply) => {
      const { format, view } = request.query;
      const { text, mediaType, losses } = await thingModels.export(request.caller, { ...request.params, format });
      if (view === "losses") return { losses: losses.map(({ pointer, sentence }) => ({ pointer, sentence })) };
      return reply.type(mediaType.startsWith("text/") ? `${mediaType}; charset=utf-8` : mediaType).send(text);
    },
  );
}
