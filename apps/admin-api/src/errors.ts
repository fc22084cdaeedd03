import { PlatformError, toPlatformError } from "@mooring/contracts";
import type { Log } from "@mooring/kit";
import type { FastifyReply, FastifyRequest } from "fastify";
import { challenge } from "./authenticate.ts";
import { limits } from "./limits.ts";
import { problemContentType, toProblem } from "./problem.ts";

interface FrameworkError {
  readonly code: string;
  readonly statusCode?: number;
}

/** Fastify's own refusals that happen before a route sees the request. */
const frameworkErrors: Readonly<Record<string, () => PlatformError>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: () => new PlatformError("payloadTooLarge", `the body is larger than ${limits.bodyBytesMax} bytes`),
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: () => new PlatformError("invalidArgument", "the body is not as long as Content-Length says"),
  FST_ERR_BAD_URL: () => new PlatformError("invalidArgument", "the path is not valid percent-encoded UTF-8"),
  FST_ERR_MAX_PARAM_LENGTH: () =>
    new PlatformError("invalidArgument", `a segment of the path is longer than ${limits.pathSegmentLengthMax} characters`),
  FST_ERR_HANDLER_TIMEOUT: () => new PlatformError("timeout", "the platform did not answer in time"),
};

/** Whatever was thrown while a request was served, as an error that may be shown. */
export function toShownError(thrown: unknown, request: FastifyRequest): PlatformError {
  if (thrown instanceof PlatformError) return thrown;
  const { code, statusCode } = thrown as Partial<FrameworkError>;
  if (code === "FST_ERR_CTP_INVALID_MEDIA_TYPE") return unsupportedMediaType(request);
  const known = frameworkErrors[code ?? ""];
  if (known !== undefined) return known();
  // Another refusal of the framework: the caller's fault, but its words are not ours to repeat.
  if (code?.startsWith("FST_ERR_") && statusCode !== undefined && statusCode < 500) {
    return new PlatformError("invalidArgument", "the request is not valid", { cause: thrown });
  }
  // The connection broke while the body was read.
  if (code === "ECONNRESET") return new PlatformError("invalidArgument", "the request ended early", { cause: thrown });
  return toPlatformError(thrown);
}

function unsupportedMediaType(request: FastifyRequest): PlatformError {
  const accepted = request.routeOptions.config.contentTypes ?? ["application/json"];
  return new PlatformError("unsupportedMediaType", `this operation takes ${accepted.join(" or ")}; name it in Content-Type`);
}

/** Sends an error as a problem document; logs what is our own fault. */
export function replyProblem(thrown: unknown, request: FastifyRequest, reply: FastifyReply, log: Log): FastifyReply {
  const error = toShownError(thrown, request);
  if (error.code === "internal") {
    log.error({ err: error.cause ?? error, method: request.method, route: request.routeOptions.url }, "a request failed");
  }
  const { pointers, presentCurrent } = request.routeOptions.config;
  const { current, ...problem } = toProblem(error, pointers);
  const shown = current === undefined ? problem : { ...problem, current: presentCurrent?.(current) ?? current };
  if (error.code === "unauthenticated") reply.header("www-authenticate", challenge(request.headers.authorization));
  // A string goes out as it is: no route's answer schema is asked about problems.
  return reply.code(problem.status).type(problemContentType).send(JSON.stringify(shown));
}
