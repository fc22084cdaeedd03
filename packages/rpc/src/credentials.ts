import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PeerCertificate } from "node:tls";
import { ChannelCredentials, ServerCredentials } from "@grpc/grpc-js";
import { type SettingTable, StartError } from "@mooring/kit";

export const rpcSettings = {
  grpcListen: {
    env: "MOORING_GRPC_LISTEN",
    kind: "address",
    default: "127.0.0.1:7000",
    doc: "host:port on which this service answers the other services, over mutual TLS.",
  },
  internalTlsDir: {
    env: "MOORING_INTERNAL_TLS_DIR",
    kind: "string",
    doc: "Folder with ca.pem and this service's {name}.pem and {name}.key, made by apps/setup, for mutual TLS between services.",
  },
} as const satisfies SettingTable;

const address = (name: string, env: string) =>
  ({ env, kind: "address", doc: `host:port on which the ${name} service answers the other services.` }) as const;

/** Where the other services are, when each is a process of its own. */
export const addressSettings = {
  accessAddress: address("access", "MOORING_ACCESS_ADDRESS"),
  devicesAddress: address("devices", "MOORING_DEVICES_ADDRESS"),
  thingModelAddress: address("thing-model", "MOORING_THING_MODEL_ADDRESS"),
  shadowAddress: address("shadow", "MOORING_SHADOW_ADDRESS"),
  rrpcAddress: address("rrpc", "MOORING_RRPC_ADDRESS"),
  eventsAddress: address("events", "MOORING_EVENTS_ADDRESS"),
  sessionsAddress: address("sessions", "MOORING_SESSIONS_ADDRESS"),
} as const satisfies SettingTable;

/** For nodes, which others speak to one by one. */
export const advertiseSettings = {
  grpcAdvertise: {
    env: "MOORING_GRPC_ADVERTISE",
    kind: "address",
    doc: "host:port by which other services reach this very process.",
  },
} as const satisfies SettingTable;

/** The files by which one of our processes proves to the others which service it is. */
export interface InternalTls {
  readonly ca: Buffer;
  readonly certificate: Buffer;
  readonly key: Buffer;
}

export function loadInternalTls(dir: string, name: string): InternalTls {
  const read = (file: string): Buffer => {
    try {
      return readFileSync(join(dir, file));
    } catch (cause) {
      throw new StartError(`${join(dir, file)} cannot be read (${(cause as Error).message}); run apps/setup first`);
    }
  };
  return { ca: read("ca.pem"), certificate: read(`${name}.pem`), key: read(`${name}.key`) };
}

/** Takes only peers with a certificate of the internal authority. */
export function internalServerCredentials(tls: InternalTls): ServerCredentials {
  return ServerCredentials.createSsl(tls.ca, [{ cert_chain: tls.certificate, private_key: tls.key }], true);
}

/** Expects the peer to be the service of this name, wherever its address leads: nodes are found by address, services are known by name. */
export function internalChannelCredentials(tls: InternalTls, service: string): ChannelCredentials {
  return ChannelCredentials.createSsl(tls.ca, tls.key, tls.certificate, {
    checkServerIdentity: (_host: string, certificate: PeerCertificate) => {
      const names = certificate.subjectaltname?.split(", ") ?? [];
      return names.includes(`DNS:${service}`) ? undefined : new Error(`the peer is not ${service} but ${certificate.subjectaltname}`);
    },
  });
}
