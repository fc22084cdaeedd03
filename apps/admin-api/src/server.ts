import { assertMay, PlatformError } from "@mooring/contracts";
import type { Metrics, ServerTls } from "@mooring/kit";
import Fastify, { type FastifyInstance, type FastifyRequest } from "fastify";
import { serializerCompiler } from "fastify-type-provider-zod";
import { type AuthenticateHeader, createAuthenticator } from "./authenticate.ts";
import { replyProblem } from "./errors.ts";
import { answerWireError, createHttpServer } from "./http-server.ts";
import { parseJsonBody } from "./json-body.ts";
import { limits } from "./limits.ts";
import { createNotFound } from "./not-found.ts";
import { registerOpenApi } from "./openapi-document.ts";
import type { RouteDeps, Routes } from "./route.ts";
import { registerRoutes } from "./routes/all.ts";
import { validatorCompiler } from "./validate.ts";

export interface AdminDeps extends Omit<RouteDeps, "authenticate" | "recheck"> {
  /** HTTPS instead of HTTP. */
  readonly tls?: ServerTls;
}

/** The operators' REST API. Nothing listens yet; `inject` works, `listen` starts it. */
export function createAdminServer(deps: AdminDeps): FastifyInstance {
  const app = Fastify({
    serverFactory: (handler) => createHttpServer(handler, deps.tls),
    clientErrorHandler: answerWireError,
    bodyLimit: limits.bodyBytesMax,
    handlerTimeout: limits.handlerTimeoutMs,
    routerOptions: { maxParamLength: limits.pathSegmentLengthMax },
    // On stop, requests under way may end; startAdminApi says for how long.
    forceCloseConnections: "idle",
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void replyProblem(error, request, reply, deps.log),
  });
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler((error, request, reply) => replyProblem(error, request, reply, deps.log));
  const explain = createNotFound(app);
  app.setNotFoundHandler((request, reply) => {
    const { error, allow } = explain(request);
    if (allow !== undefined) reply.header("allow", allow);
    return replyProblem(error, request, reply, deps.log);
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, async (_: FastifyRequest, body: Buffer) => parseJsonBody(body));
  const authenticate = createAuthenticator(deps);
  const recheck = createAuthenticator({ ...deps, trustMs: limits.recheck.sharedMs });
  guardRoutes(app, authenticate);
  measureRequests(app, deps.metrics);
  registerOpenApi(app);
  // In a plugin, so that the OpenAPI document, itself one, is there before the routes and sees them all.
  app.register(async (scope) => registerRoutes(scope as Routes, { ...deps, authenticate, recheck }));
  return app;
}

/** Before anything of a request is read: who is it, and may they. Before its handler: nothing was sent that the route does not take. */
function guardRoutes(app: FastifyInstance, authenticate: AuthenticateHeader): void {
  app.decorateRequest("caller");
  app.addHook("onRoute", ({ method, url, config, schema }) => {
    const name = `${String(method)} ${url}`;
    if (config?.operation === undefined && config?.open !== true) throw new Error(`${name} does not say which operation it is`);
    if (schema?.params === undefined && url.includes(":")) throw new Error(`${name} does not check its path`);
    if (schema?.querystring === undefined) throw new Error(`${name} does not check its query`);
  });
  app.addHook("onRequest", async (request) => {
    checkHeaders(request);
    const { operation } = request.routeOptions.config;
    if (request.is404 || operation === undefined) return;
    request.caller = await authenticate(request.headers.authorization);
    assertMay(request.caller, operation);
  });
  app.addHook("preValidation", async (request) => {
    if (!request.is404 && request.body !== undefined && request.routeOptions.schema?.body === undefined) {
      throw new PlatformError("invalidArgument", "this operation takes no body");
    }
  });
  app.addHook("onSend", async (_, reply) => {
    // Answers are about one caller's objects, some are secrets: no cache keeps them, no browser guesses what they are.
    reply.header("cache-control", "no-store").header("x-content-type-options", "nosniff");
  });
}

function checkHeaders(request: FastifyRequest): void {
  // Node also takes a request line without a version, as of HTTP/0.9.
  if (request.raw.httpVersionMajor !== 1) throw new PlatformError("invalidArgument", "HTTP/1.1 is spoken here");
  if (request.headers.host === undefined && request.raw.httpVersion === "1.1") {
    throw new PlatformError("invalidArgument", "the header Host is missing");
  }
  const encoding = request.headers["content-encoding"];
  if (encoding !== undefined && encoding.toLowerCase() !== "identity") {
    throw new PlatformError("unsupportedMediaType", "bodies are taken without Content-Encoding");
  }
}

function measureRequests(app: FastifyInstance, metrics: Metrics): void {
  const labelNames = ["method", "route", "status"];
  const seconds = metrics.histogram("mooring_rest_request_seconds", "Requests to the REST API by route and status.", labelNames);
  app.addHook("onResponse", async (request, reply) => {
    const labels = { method: request.method, route: request.routeOptions.url ?? "none", status: String(reply.statusCode) };
    seconds.observe(labels, reply.elapsedTime / 1_000);
  });
}
