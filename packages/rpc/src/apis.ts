import type { DescService } from "@bufbuild/protobuf";
import type { AccessApi, DeviceApi, EventApi, GatewayApi, RrpcApi, SessionApi, ShadowApi, ThingModelApi } from "@mooring/contracts";
import { AccessService } from "./gen/mooring/access/v1/access_pb.ts";
import { DeviceService } from "./gen/mooring/devices/v1/devices_pb.ts";
import { EventService } from "./gen/mooring/events/v1/events_pb.ts";
import { GatewayService } from "./gen/mooring/gateway/v1/gateway_pb.ts";
import { RrpcService } from "./gen/mooring/rrpc/v1/rrpc_pb.ts";
import { SessionService } from "./gen/mooring/sessions/v1/sessions_pb.ts";
import { ShadowService } from "./gen/mooring/shadow/v1/shadow_pb.ts";
import { ThingModelService } from "./gen/mooring/thing_model/v1/thing_model_pb.ts";

/** The interface of each service, by the name it goes by in settings and compose files. */
export interface Apis {
  readonly access: AccessApi;
  readonly devices: DeviceApi;
  readonly "thing-model": ThingModelApi;
  readonly shadow: ShadowApi;
  readonly rrpc: RrpcApi;
  readonly events: EventApi;
  readonly sessions: SessionApi;
  readonly gateway: GatewayApi;
}

export type ApiName = keyof Apis;

/**
 * The IDL of each interface. A method of the interface and its rpc have the same name, and a message has the interface's shape (see
 * plain.ts), so that one generic binding serves them all; each interface's conformance suite runs over the wire to prove it.
 */
export const serviceDescriptors: { readonly [K in ApiName]: DescService } = {
  access: AccessService,
  devices: DeviceService,
  "thing-model": ThingModelService,
  shadow: ShadowService,
  rrpc: RrpcService,
  events: EventService,
  sessions: SessionService,
  gateway: GatewayService,
};
