import {
  assertMay,
  type Caller,
  invalidField,
  type JsonObject,
  type JsonValue,
  PlatformError,
  type ShadowAddress,
  type ShadowApi,
} from "@mooring/contracts";
import { deriveMessageId, givenIdRule, isGivenId } from "@mooring/kit";
import type { FastifyReply } from "fastify";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { devicePath, nextPageToken, pageEnd, pageQuery, shadowName, timeText } from "./schemas.ts";
import { isShadow, isUnchanged, shadowAnswer, shadowTag, toShadow } from "./shadow-answer.ts";

const device = "/v1/products/:productKey/devices/:deviceName";
const path = `${device}/shadow`;
const section = z.record(z.string(), z.unknown());
const expectedVersion = z.int("must be a whole number").min(0, "must not be negative");
/** Which shadow of the device. */
export const name = shadowName.exactOptional().describe("A named shadow; without it the classic one, which property reports go to.");
const clientToken = z
  .string()
  .refine((text) => Buffer.byteLength(text) <= 64, "must have at most 64 bytes")
  .describe("Comes back in the messages that follow from the change.");
const versionText = z
  .string()
  .regex(/^\d{1,16}$/, "must be a version")
  .transform(Number)
  .refine(Number.isSafeInteger, "must be a version")
  .meta({ type: "integer", description: "The document as it was at this version." });
const getQuery = z
  .strictObject({ name, version: versionText.exactOptional(), time: timeText.exactOptional().describe("The document as it was then.") })
  .refine((query) => query.version === undefined || query.time === undefined, "must hold at most one of version and time");
const updateBody = z.strictObject({
  desired: z
    .union([section, z.null()], "must be an object or null")
    .describe("A merge patch (RFC 7396): null removes a field; null for all of it clears the section."),
  version: expectedVersion.exactOptional().describe("The version the change is meant for; another one is 409."),
  desiredVersions: z
    .record(z.string(), expectedVersion)
    .exactOptional()
    .describe("For members of desired, the version that must have changed each of them last; another one is 409."),
  clientToken: clientToken.exactOptional(),
});
const tagRule = 'must be * or one version in quotes, such as "7"';
const ifMatch = z.looseObject({
  "if-match": z
    .string()
    .regex(/^(?:\*|"\d{1,16}")$/, { error: tagRule, abort: true })
    .refine((tag) => tag === "*" || Number.isSafeInteger(Number(tag.slice(1, -1))), tagRule)
    .exactOptional()
    .describe('The ETag of the shadow the change is meant for, such as "7"; another one is 412.'),
});
/** Beside it, what makes a change once however often it is asked for. */
const changeHeaders = ifMatch.extend({
  "idempotency-key": z
    .string()
    .refine(isGivenId, givenIdRule)
    .exactOptional()
    .describe(
      "The caller's name for this change: asked for again under it within the deduplication window, it is made once and answered as the first time.",
    ),
});
const ifNoneMatch = z.looseObject({
  "if-none-match": z
    .string()
    .max(1_000, "must have at most 1000 characters")
    .exactOptional()
    .describe("The ETag of what the caller has: the answer is 304 when that is still so."),
});
const pointers = {
  "/expectedVersion": "/version",
  "/expectedDesiredVersions": "/desiredVersions",
  "/shadowName": "/name",
  "/timeMs": "/time",
};
const presentCurrent = (current: JsonObject): JsonObject => (isShadow(current) ? (toShadow(current) as JsonObject) : current);
const unchanged = z.undefined().describe("The shadow is still the one that If-None-Match names.");
const tags = ["shadow"];

export function shadowRoutes(app: Routes, { shadow }: Services): void {
  readRoutes(app, shadow);
  changeRoutes(app, shadow);
}

function readRoutes(app: Routes, shadow: ShadowApi): void {
  app.get(
    path,
    {
      config: { operation: "shadow.get", problems: ["notFound"], pointers },
      schema: {
        tags,
        summary: "A shadow of a device, as it is or as it was at a version or time",
        params: devicePath,
        querystring: getQuery,
        headers: ifNoneMatch,
        response: { 200: shadowAnswer, 304: unchanged },
      },
    },
    async (request, reply) => {
      const { version, time } = request.query;
      const address = addressOf(request.params, request.query.name);
      const past = { ...(version === undefined ? {} : { version }), ...(time === undefined ? {} : { timeMs: time }) };
      const isPast = Object.keys(past).length > 0;
      if (isPast) assertMay(request.caller, "shadow.getAt");
      const view = isPast ? await shadow.getAt(request.caller, { ...address, ...past }) : await shadow.get(request.caller, address);
      reply.header("etag", shadowTag(view.version));
      if (isUnchanged(request.headers["if-none-match"], view.version)) return reply.code(304).send();
      return toShadow(view);
    },
  );
  app.get(
    `${device}/shadows`,
    {
      config: { operation: "shadow.listNames", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Names of the shadows of a device that hold anything, the classic one left out",
        params: devicePath,
        querystring: pageQuery,
        response: { 200: z.object({ names: z.array(z.string()), nextPageToken }) },
      },
    },
    async (request) => {
      const page = await shadow.listNames(request.caller, { ...request.query, ...request.params });
      return { names: [...page.names], ...pageEnd(page) };
    },
  );
}

function changeRoutes(app: Routes, shadow: ShadowApi): void {
  app.patch(
    path,
    {
      config: {
        operation: "shadow.update",
        problems: ["notFound", "versionConflict", "preconditionFailed", "quotaExceeded"],
        pointers,
        presentCurrent,
      },
      schema: {
        tags,
        summary: "Changes what is desired of a device; it is told at once, or when it next connects",
        params: devicePath,
        querystring: z.strictObject({ name }),
        headers: changeHeaders,
        body: updateBody,
        response: { 200: shadowAnswer },
      },
    },
    async (request, reply) => {
      const { desired, version, desiredVersions, clientToken } = request.body;
      const address = addressOf(request.params, request.query.name);
      const fromHeader = versionOf(request.headers["if-match"]);
      if (fromHeader !== undefined && version !== undefined && fromHeader !== version) {
        throw invalidField("/version", `is ${version}, but If-Match says ${fromHeader}`);
      }
      const expected = fromHeader ?? version;
      const change = {
        ...address,
        desired: desired as JsonValue,
        ...(expected === undefined ? {} : { expectedVersion: expected }),
        ...(desiredVersions === undefined ? {} : { expectedDesiredVersions: desiredVersions }),
        ...(clientToken === undefined ? {} : { clientToken }),
        ...givenTo(request),
      };
      const changed = () => shadow.update(request.caller, change);
      return answer(reply, await orConflict(changed, fromHeader));
    },
  );
  app.delete(
    path,
    {
      config: { operation: "shadow.delete", problems: ["notFound", "preconditionFailed"], pointers, presentCurrent },
      schema: {
        tags,
        summary: "Empties a shadow; its version goes on counting",
        params: devicePath,
        querystring: z.strictObject({ name, clientToken: clientToken.exactOptional() }),
        headers: changeHeaders,
        response: { 200: shadowAnswer },
      },
    },
    async (request, reply) => {
      const { clientToken } = request.query;
      const address = addressOf(request.params, request.query.name);
      const expected = versionOf(request.headers["if-match"]);
      const emptied = () =>
        shadow.delete(request.caller, {
          ...address,
          ...(expected === undefined ? {} : { expectedVersion: expected }),
          ...(clientToken === undefined ? {} : { clientToken }),
          ...givenTo(request),
        });
      return answer(reply, await orConflict(emptied, expected));
    },
  );
}

/** How the services name a shadow. */
export function addressOf(params: z.output<typeof devicePath>, shadowName: string | undefined): ShadowAddress {
  return { ...params, ...(shadowName === undefined ? {} : { shadowName }) };
}

/** Keys of different callers are different changes. */
function givenTo({ caller, headers }: { readonly caller: Caller; readonly headers: z.output<typeof changeHeaders> }) {
  const key = headers["idempotency-key"];
  return key === undefined ? {} : { messageId: deriveMessageId(caller.principal, "idempotency-key", key) };
}

/** The version that If-Match names (RFC 9110 §13.1.1). `*` is any version there is. */
function versionOf(header: string | undefined): number | undefined {
  return header === undefined || header === "*" ? undefined : Number(header.slice(1, -1));
}

/** A conflict is 412 when the condition stood in If-Match, 409 when it stood in the body; either carries the current document. */
async function orConflict<T>(change: () => Promise<T>, ifMatch: number | undefined): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== "versionConflict") throw error;
    const code = ifMatch === undefined ? "versionConflict" : "preconditionFailed";
    throw new PlatformError(code, error.message, { ...error.details, cause: error });
  }
}

function answer(reply: FastifyReply, view: Parameters<typeof toShadow>[0]): z.output<typeof shadowAnswer> {
  reply.header("etag", shadowTag(view.version));
  return toShadow(view);
}
