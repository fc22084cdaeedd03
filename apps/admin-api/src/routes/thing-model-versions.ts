import { type JsonValue, payloadKinds } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { affordanceName, modelPin, modelVersion, noQuery, timeText } from "./schemas.ts";
import { change, finding, modelAnswer, modelPath, modelRangePath, tags, toAnswer, toFindings } from "./thing-model-schemas.ts";

const base = "/v1/thing-models/:name/versions/:version";
const deprecateBody = z.strictObject({
  replacement: modelVersion.exactOptional().describe("The version to use instead."),
  retireAt: timeText.exactOptional().describe("When it is retired by itself."),
});
const validateBody = z.strictObject({
  kind: z
    .enum(payloadKinds)
    .describe("What the payload is: the params of a property report, a patch of the desired state, or an event's or service's data."),
  member: affordanceName.exactOptional().describe("Which event or service."),
  payload: z.unknown().describe("Any JSON."),
});
const fieldError = z.object({ pointer: z.string(), expected: z.string(), got: z.string(), message: z.string() });

/** What is done with versions that are there, beside publishing and reading them. */
export function thingModelVersionRoutes(app: Routes, { thingModels }: Services): void {
  stateRoutes(app, thingModels);
  app.get(
    `${base}/findings`,
    {
      config: { operation: "thingModel.listFindings", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Errors (of a draft), warnings, and what an older spelling of SDF was read as",
        params: modelRangePath,
        querystring: noQuery,
        response: { 200: z.object({ findings: z.array(finding) }) },
      },
    },
    async (request) => ({ findings: toFindings((await thingModels.listFindings(request.caller, request.params)).findings) }),
  );
  app.get(
    `${base}/diff`,
    {
      config: { operation: "thingModel.diff", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary: "What the version says otherwise than another one, member by member, and whether that is compatible",
        params: modelRangePath,
        querystring: z.strictObject({ against: modelPin }),
        response: { 200: z.object({ isCompatible: z.boolean(), changes: z.array(change) }) },
      },
    },
    async (request) => {
      const { isCompatible, changes } = await thingModels.diff(request.caller, { ...request.params, ...request.query });
      return { isCompatible, changes: [...changes] };
    },
  );
  app.post(
    `${base}/validate`,
    {
      config: { operation: "thingModel.validate", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary: "Tries a payload against the version; nothing is stored or sent",
        params: modelRangePath,
        querystring: noQuery,
        body: validateBody,
        response: { 200: z.object({ isValid: z.boolean(), errors: z.array(fieldError) }) },
      },
    },
    async (request) => {
      const { kind, member, payload } = request.body;
      const asked = { ...request.params, kind, ...(member === undefined ? {} : { member }), payload: payload as JsonValue };
      const { errors } = await thingModels.validate(request.caller, asked);
      return { isValid: errors.length === 0, errors: [...errors] };
    },
  );
}

function stateRoutes(app: Routes, thingModels: Services["thingModels"]): void {
  app.post(
    `${base}/deprecate`,
    {
      config: { operation: "thingModel.deprecate", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary: "Says that another version is to be used; products that have this one go on with it",
        params: modelPath,
        querystring: noQuery,
        body: deprecateBody,
        response: { 200: modelAnswer },
      },
    },
    async (request) => {
      const { replacement, retireAt } = request.body;
      const asked = {
        ...request.params,
        ...(replacement === undefined ? {} : { replacement }),
        ...(retireAt === undefined ? {} : { retireAtMs: retireAt }),
      };
      return toAnswer((await thingModels.deprecate(request.caller, asked)).model);
    },
  );
  app.post(
    `${base}/retire`,
    {
      config: { operation: "thingModel.retire", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary: "Retires a deprecated version: no product may take it any more, those that have it go on with it",
        params: modelPath,
        querystring: noQuery,
        response: { 200: modelAnswer },
      },
    },
    async (request) => toAnswer((await thingModels.retire(request.caller, request.params)).model),
  );
}
