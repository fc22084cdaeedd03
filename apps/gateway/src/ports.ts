// What the gateway needs from outside, and how much of it.
import type { Presence } from "@mooring/cluster";
import type { AccessApi, DeviceApi, EventApi, GatewayApi, SessionApi, ShadowApi, ThingModelApi } from "@mooring/contracts";
import type { Clock, Log, Metrics, ServerTls } from "@mooring/kit";
import type { BrokerLimits } from "./broker/limits.ts";
import type { AnswerCall } from "./route/call-answers.ts";
import type { UplinkStreamOptions } from "./uplink-stream.ts";

export interface GatewayDeps {
  /** This process in the cluster: registered before the gateway is started, since presence counts only on registered nodes. */
  readonly nodeId: string;
  readonly devices: Pick<
    DeviceApi,
    | "authenticateCertificate"
    | "authenticateSecret"
    | "authenticateToken"
    | "authenticateJwt"
    | "findPreSharedKey"
    | "registerDevice"
    | "createDeviceSession"
    | "authenticateDeviceSession"
    | "recordConnectionFailures"
    | "checkCredential"
    | "getProduct"
    | "enrollCertificate"
    | "getAuthorityCertificates"
    | "listChanges"
    | "renewCertificate"
    | "proveSubDevices"
    | "removeSubDevice"
    | "listSubDevices"
    | "findSubDevices"
    | "authenticateClaim"
    | "checkClaim"
    | "createClaimedCertificate"
    | "provisionDevice"
  >;
  readonly thingModels: Pick<ThingModelApi, "get" | "listChanges">;
  readonly shadow: Pick<ShadowApi, "get" | "update" | "delete" | "listNames" | "deviceReady" | "waitApplied">;
  readonly events: Pick<EventApi, "append" | "recordRefusals">;
  /** Where sessions and retained messages are kept; nothing of them is written here. */
  readonly sessions: Pick<SessionApi, "write" | "listSessions" | "loadQueue" | "listRetained">;
  readonly access: Pick<AccessApi, "authenticateKey" | "findScramVerifier">;
  /** Brings a device's answer to the node that waits for it. */
  readonly answerCall: AnswerCall;
  readonly presence: Presence;
  /** Another gateway node, or undefined when it is dead. */
  readonly gatewayNode: (nodeId: string) => Promise<GatewayApi | undefined>;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

export interface GatewayOptions {
  readonly tls: ServerTls;
  /** Asked every `readTlsMs` (5,000): what it answers is shown from then on. Without it the certificate is the same until the end. */
  readonly readTls?: () => Promise<ServerTls>;
  readonly readTlsMs?: number;
  /** `host:port`; port 0 takes a free one; a door without an address stays shut. */
  readonly mqttsListen?: string | undefined;
  readonly mqttListen?: string | undefined;
  readonly mqttPskListen?: string | undefined;
  readonly mqttWsListen?: string | undefined;
  readonly mqttWssListen?: string | undefined;
  readonly deviceHttpsListen?: string | undefined;
  readonly development?: DevelopmentOptions | undefined;
  readonly limits: GatewayLimits;
}

/** The development listener; see config.ts. */
export interface DevelopmentOptions {
  readonly mqttDevListen?: string | undefined;
  readonly mqttDevWsListen?: string | undefined;
  readonly mqttDevTlsListen?: string | undefined;
  readonly mqttDevTenant: string;
  readonly mqttDevRefusedFilters: string;
  readonly mqttDevKeepAliveS: number;
  readonly mqttDevReceiveMaximum: number;
}

/** See config.ts for each. */
export interface GatewayLimits extends BrokerLimits {
  readonly receiveMaximum: number;
  readonly inFlightMax: number;
  readonly topicAliasMaximum: number;
  readonly topicBytesMax: number;
  readonly topicLevelsMax: number;
  readonly deviceTopicBytesMax: number;
  readonly deviceTopicLevelsMax: number;
  readonly subscriptionsMax: number;
  readonly clientSubscriptionsMax: number;
  readonly keptSubscriptionsMax: number;
  readonly publishRateMax: number;
  readonly clientPublishRateMax: number;
  readonly connectionsMax: number;
  readonly connectionsPerDeviceMax: number;
  readonly connectionsPerTenantMax: number;
  readonly connectionsPerAddressMax: number;
  readonly strangersPerAddressMax: number;
  readonly authFailuresPerAddressMax: number;
  readonly connectMs: number;
  readonly tlsSessionS: number;
  readonly connectBytesMax: number;
  readonly keepAliveSMin: number;
  readonly keepAliveSMax: number;
  readonly packetBytesMax: number;
  readonly writeBytesMax: number;
  readonly stalledMs: number;
  readonly uplink?: UplinkStreamOptions;
}
