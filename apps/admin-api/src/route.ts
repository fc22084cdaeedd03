import type {
  AccessApi,
  Caller,
  DeviceApi,
  ErrorCode,
  EventApi,
  JsonObject,
  Operation,
  RrpcApi,
  SessionApi,
  ShadowApi,
  ThingModelApi,
} from "@mooring/contracts";
import type { Clock, Log, Metrics } from "@mooring/kit";
import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from "fastify";
import type { ZodTypeProvider } from "fastify-type-provider-zod";
import type { AuthenticateHeader } from "./authenticate.ts";
import type { PointerNames } from "./problem.ts";
import type { StreamLimits } from "./sse/event-stream.ts";

/** The services behind the routes; each checks the caller's rights itself, too. */
export interface Services {
  readonly access: AccessApi;
  readonly devices: DeviceApi;
  readonly thingModels: ThingModelApi;
  readonly shadow: ShadowApi;
  readonly rrpc: RrpcApi;
  readonly events: EventApi;
  readonly sessions: SessionApi;
}

/** What the routes need besides the services. */
export interface RouteDeps extends Services {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly clock: Clock;
  /** For what outlives the moment it was let in: asks about the credential again. */
  readonly authenticate: AuthenticateHeader;
  /** The same for streams, which must know sooner: an answer is no older than `limits.recheck.sharedMs`. */
  readonly recheck: AuthenticateHeader;
  /** Other bounds for the event streams than those of `limits.streams`. */
  readonly streamLimits?: Partial<StreamLimits>;
}

/** A Fastify instance whose routes are typed by their zod schemas. */
export type Routes = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/** What every route says about itself: the operation it is, or that it is open to everyone. A route that says neither cannot be added. */
export interface RouteConfig {
  readonly operation?: Operation;
  /** Its name in the OpenAPI document, where several routes are the same operation of the service. */
  readonly documentedAs?: string;
  /** No API key is asked for. */
  readonly open?: true;
  /** Which problems this operation has beside those that every operation has; for the OpenAPI document. */
  readonly problems?: readonly ErrorCode[];
  /** The content types its body may have; JSON unless said otherwise. */
  readonly contentTypes?: readonly string[];
  /** How its body looks in the OpenAPI document where its schema does not tell: content type -> JSON schema. */
  readonly documentedBody?: Readonly<Record<string, object>>;
  readonly pointers?: PointerNames;
  /** Gives the `current` of a conflict the shape in which this route answers. */
  readonly presentCurrent?: (current: JsonObject) => JsonObject;
}

declare module "fastify" {
  interface FastifyContextConfig extends RouteConfig {}
  interface FastifyRequest {
    /** Set before the body is read, on every route that is not open. */
    caller: Caller;
  }
}
