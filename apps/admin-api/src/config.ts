import { processSettings, type SettingTable } from "@mooring/kit";
import { rpcSettings } from "@mooring/rpc";

/** Where operators and back ends reach the platform. */
export const adminApiSettings = {
  restListen: { env: "MOORING_REST_LISTEN", kind: "address", default: "127.0.0.1:8080", doc: "host:port of the operators' REST API." },
  restTls: {
    env: "MOORING_REST_TLS",
    kind: "boolean",
    default: false,
    doc: "REST over TLS with the platform's server certificate. API keys pass here: switch it on, or put a proxy with TLS in front, before listening beyond this machine.",
  },
  publicGrpcListen: {
    env: "MOORING_PUBLIC_GRPC_LISTEN",
    kind: "address",
    default: "127.0.0.1:9090",
    doc: "host:port of the public gRPC API, over TLS.",
  },
  amqpListen: {
    env: "MOORING_AMQP_LISTEN",
    kind: "address",
    default: null,
    doc: "host:port of the AMQP 1.0 listener for back ends of Alibaba's server-side subscription, over TLS; 5671 is its usual port. Off unless set.",
  },
} as const satisfies SettingTable;

const address = (env: string, service: string) => ({ env, kind: "address", doc: `host:port of the ${service} service (gRPC).` }) as const;

/** What this service needs to know besides when it runs in a process of its own. */
export const splitSettings = {
  accessAddress: address("MOORING_ACCESS_ADDRESS", "access"),
  devicesAddress: address("MOORING_DEVICES_ADDRESS", "devices"),
  thingModelAddress: address("MOORING_THING_MODEL_ADDRESS", "thing-model"),
  shadowAddress: address("MOORING_SHADOW_ADDRESS", "shadow"),
  rrpcAddress: address("MOORING_RRPC_ADDRESS", "rrpc"),
  eventsAddress: address("MOORING_EVENTS_ADDRESS", "events"),
  sessionsAddress: address("MOORING_SESSIONS_ADDRESS", "sessions"),
  internalTlsDir: rpcSettings.internalTlsDir,
  serverTlsDir: {
    env: "MOORING_SERVER_TLS_DIR",
    kind: "string",
    doc: "Folder with the platform's server certificate: ca.pem, server.pem and server.key, made by apps/setup. Read again every 5 s: new connections are shown what is there then.",
  },
} as const satisfies SettingTable;

export const settingsTable = { ...processSettings, ...adminApiSettings, ...splitSettings } as const satisfies SettingTable;
