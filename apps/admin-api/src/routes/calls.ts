import { type CallRequest, type CallResult, callTimeoutMsMax, callTimeoutMsMin, type JsonValue } from "@mooring/contracts";
import { z } from "zod";
import { findUnportable, parseText } from "../json-body.ts";
import { limits } from "../limits.ts";
import type { Routes, Services } from "../route.ts";
import { affordanceName, devicePath, noQuery } from "./schemas.ts";

const range = `must be ${callTimeoutMsMin} to ${callTimeoutMsMax} ms`;
const callBody = z
  .strictObject({
    service: affordanceName.exactOptional().describe("A service of the thing model."),
    input: z.unknown().exactOptional().describe("What the service takes."),
    payload: z.unknown().exactOptional().describe("Any JSON; the device gets it as JSON text."),
    payloadBase64: z.base64("must be base64").exactOptional().describe("The bytes the device gets."),
    timeoutMs: z.int("must be a whole number of milliseconds").min(callTimeoutMsMin, range).max(callTimeoutMsMax, range).exactOptional(),
  })
  .superRefine((body, context) => {
    const given = ["service", "payload", "payloadBase64"].filter((name) => Object.hasOwn(body, name));
    if (given.length !== 1) context.addIssue({ code: "custom", message: "must hold exactly one of service, payload and payloadBase64" });
    if (Object.hasOwn(body, "input") && !Object.hasOwn(body, "service")) {
      context.addIssue({ code: "custom", path: ["input"], message: "goes with service only" });
    }
  });
const callAnswer = z.object({
  messageId: z.string(),
  output: z.unknown().optional().describe("What the service gave back."),
  checkFailedData: z
    .array(z.object({ pointer: z.string(), message: z.string(), expected: z.string().optional(), got: z.string().optional() }))
    .optional()
    .describe("Of a product that flags: what of /input and of the answer's /data the thing model does not allow."),
  payload: z.unknown().optional().describe("The device's answer, when it is JSON."),
  payloadBase64: z.string().describe("The device's answer as it came."),
});
const idempotency = z.looseObject({
  "idempotency-key": z
    .string()
    .regex(/^[\x21-\x7e]{1,64}$/, "must be 1 to 64 visible ASCII characters")
    .exactOptional()
    .describe("A retry with the same key within a day gives the first call's outcome and does not reach the device again."),
});

export function callRoutes(app: Routes, { rrpc }: Services): void {
  app.post(
    "/v1/products/:productKey/devices/:deviceName/calls",
    {
      handlerTimeout: limits.callHandlerTimeoutMs,
      config: {
        operation: "rrpc.call",
        problems: ["notFound", "deviceOffline", "failedPrecondition", "alreadyExists", "quotaExceeded"],
        pointers: { "/idempotencyKey": "/idempotency-key" },
      },
      schema: {
        tags: ["calls"],
        summary: "Calls a device and waits for its answer",
        params: devicePath,
        querystring: noQuery,
        headers: idempotency,
        body: callBody,
        response: { 200: callAnswer },
      },
    },
    async (request) => {
      const call = { ...request.params, ...toRequest(request.body, request.headers["idempotency-key"]) };
      return toAnswer(await rrpc.call(request.caller, call));
    },
  );
}

function toRequest(body: z.output<typeof callBody>, idempotencyKey: string | undefined): Omit<CallRequest, "productKey" | "deviceName"> {
  const { service, timeoutMs } = body;
  return {
    ...(service === undefined ? { payload: payloadOf(body) } : { service }),
    ...(Object.hasOwn(body, "input") ? { input: body.input as JsonValue } : {}),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
  };
}

function payloadOf(body: z.output<typeof callBody>): Uint8Array {
  return body.payloadBase64 === undefined ? Buffer.from(JSON.stringify(body.payload)) : Buffer.from(body.payloadBase64, "base64");
}

function toAnswer(result: CallResult): z.output<typeof callAnswer> {
  const bytes = Buffer.from(result.payload.buffer, result.payload.byteOffset, result.payload.byteLength);
  return {
    messageId: result.messageId,
    ...(result.output === undefined ? {} : { output: result.output }),
    ...(result.checkFailedData === undefined ? {} : { checkFailedData: [...result.checkFailedData] }),
    ...parsedPayload(bytes),
    payloadBase64: bytes.toString("base64"),
  };
}

/** The answer as JSON, if it is JSON that may be passed on; a device may send anything, JSON nested a hundred thousand deep too. */
function parsedPayload(bytes: Uint8Array): { readonly payload?: unknown } {
  let payload: unknown;
  try {
    payload = JSON.parse(parseText(bytes));
  } catch {
    return {};
  }
  return findUnportable(payload) === undefined ? { payload } : {};
}
