import { PlatformError } from "@mooring/contracts";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { shorten } from "./problem.ts";

interface KnownPath {
  readonly segments: readonly string[];
  readonly methods: Set<string>;
}

/** Tells an unknown path from a known one with another method. Add it before the routes, so that it sees them. */
export function createNotFound(
  app: FastifyInstance,
): (request: FastifyRequest) => { readonly error: PlatformError; readonly allow?: string } {
  const paths = new Map<string, KnownPath>();
  app.addHook("onRoute", (route) => {
    const known = paths.get(route.url) ?? { segments: route.url.split("/"), methods: new Set<string>() };
    for (const method of [route.method].flat()) known.methods.add(method);
    paths.set(route.url, known);
  });
  return (request) => {
    const path = request.url.split("?", 1)[0] ?? "";
    const methods = [...paths.values()].filter((known) => matches(known.segments, path.split("/"))).flatMap((known) => [...known.methods]);
    if (methods.length === 0) return { error: new PlatformError("notFound", `there is nothing at ${shorten(path)}`) };
    const allow = methods.sort().join(", ");
    return { error: new PlatformError("methodNotAllowed", `${shorten(path)} takes ${allow}, not ${request.method}`), allow };
  };
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return (
    pattern.length === segments.length &&
    pattern.every((segment, i) => (segment.startsWith(":") ? segments[i] !== "" : segment === segments[i]))
  );
}
