// Hot: plain fields, counted up per message and carried over to the metrics once a second.
import type { Metrics, Running } from "@mooring/kit";

/** What the gateway counts. Fields only grow, `connections` and `congested` excepted. */
export class GatewayCounters {
  /** Open now. */
  connections = 0;
  /** 1 while reading pauses because the log takes less than devices send. */
  congested = 0;
  messagesInQos0 = 0;
  messagesInQos1 = 0;
  messagesInQos2 = 0;
  messagesInHttp = 0;
  messagesOutQos0 = 0;
  messagesOutQos1 = 0;
  messagesOutHttp = 0;
  /** Records handed to the log, and those it said are committed. */
  recordsAppended = 0;
  recordsCommitted = 0;
  recordsRefused = 0;
  /** QoS 0 messages dropped because the log was behind. */
  shedUplink = 0;
  /** QoS 0 messages dropped because their receiver was behind. */
  shedDownlink = 0;
  /** Messages of shadows that came after later ones, and were not delivered. */
  lateDownlink = 0;
  refusedInvalid = 0;
  refusedForeignTopic = 0;
  refusedUnknownTopic = 0;
  refusedUnavailable = 0;
  refusedQuota = 0;
  /** Refusals that could not be reported: too many, or the events service did not take them. */
  refusalsDropped = 0;
  /** Wills a client asked for and the gateway does not publish. */
  ignoredWills = 0;
  /** Presence entries of dead nodes that this node cleared away. */
  evicted = 0;
}

/** Why a connection or a request did not authenticate. */
export type AuthFailure =
  | "noCredential"
  | "certificate"
  | "secret"
  | "token"
  | "jwt"
  | "preSharedKey"
  | "registration"
  | "plainTransport"
  | "heldOff"
  | "tenantSuspended"
  | "apiKey"
  | "identityMismatch"
  | "unavailable"
  | "scram"
  | "protocol"
  | "sessionLimit"
  | "tenantLimit"
  | "addressLimit";

/** The counters with labels, of what happens seldom: per connection, not per message. */
export interface RareCounters {
  onAuthFailure(reason: AuthFailure): void;
  /** `reason` is one of a fixed set of words: it becomes a label. */
  onConnectionEnd(reason: string): void;
  /** An error of ours ended a connection. */
  onConnectionFault(): void;
  onConnectionRefused(reason: "addressLimit" | "nodeLimit" | "handshake" | "deadline"): void;
}

const carryOverMs = 1_000;

type Counted = Exclude<keyof GatewayCounters, "connections" | "congested">;

const series: readonly {
  readonly field: Counted;
  readonly name: string;
  readonly help: string;
  readonly labels: Readonly<Record<string, string>>;
}[] = [
  { field: "messagesInQos0", name: "messages_in_total", help: "Messages from devices.", labels: { via: "mqtt", qos: "0" } },
  { field: "messagesInQos1", name: "messages_in_total", help: "Messages from devices.", labels: { via: "mqtt", qos: "1" } },
  { field: "messagesInQos2", name: "messages_in_total", help: "Messages from devices.", labels: { via: "mqtt", qos: "2" } },
  { field: "messagesInHttp", name: "messages_in_total", help: "Messages from devices.", labels: { via: "https", qos: "1" } },
  { field: "messagesOutQos0", name: "messages_out_total", help: "Messages to devices.", labels: { via: "mqtt", qos: "0" } },
  { field: "messagesOutQos1", name: "messages_out_total", help: "Messages to devices.", labels: { via: "mqtt", qos: "1" } },
  { field: "messagesOutHttp", name: "messages_out_total", help: "Messages to devices.", labels: { via: "https", qos: "1" } },
  { field: "recordsAppended", name: "records_total", help: "Records handed to the log.", labels: { state: "appended" } },
  { field: "recordsRefused", name: "records_total", help: "Records handed to the log.", labels: { state: "refused" } },
  { field: "recordsCommitted", name: "records_total", help: "Records handed to the log.", labels: { state: "committed" } },
  { field: "shedUplink", name: "shed_total", help: "QoS 0 messages dropped under load.", labels: { direction: "up" } },
  { field: "shedDownlink", name: "shed_total", help: "QoS 0 messages dropped under load.", labels: { direction: "down" } },
  { field: "lateDownlink", name: "late_total", help: "Messages of shadows that came after later ones, and were dropped.", labels: {} },
  { field: "refusedInvalid", name: "refused_total", help: "Messages refused.", labels: { reason: "invalid" } },
  { field: "refusedForeignTopic", name: "refused_total", help: "Messages refused.", labels: { reason: "foreignTopic" } },
  { field: "refusedUnknownTopic", name: "refused_total", help: "Messages refused.", labels: { reason: "unknownTopic" } },
  { field: "refusedUnavailable", name: "refused_total", help: "Messages refused.", labels: { reason: "unavailable" } },
  { field: "refusedQuota", name: "refused_total", help: "Messages refused.", labels: { reason: "quota" } },
  { field: "refusalsDropped", name: "refusals_dropped_total", help: "Refusals not reported for tracing.", labels: {} },
  { field: "ignoredWills", name: "ignored_wills_total", help: "Wills asked for and not published.", labels: {} },
  { field: "evicted", name: "presence_evicted_total", help: "Presence entries of dead nodes cleared away.", labels: {} },
];

/** Offers the counters as `mooring_gateway_*`. Stop it to take the last second over. */
export function startCounting(counters: GatewayCounters, metrics: Metrics): Running & { readonly rare: RareCounters } {
  const byName = new Map<string, ReturnType<Metrics["counter"]>>();
  for (const { name, help, labels } of series) {
    if (!byName.has(name)) byName.set(name, metrics.counter(`mooring_gateway_${name}`, help, Object.keys(labels)));
  }
  metrics.gauge("mooring_gateway_connections", "MQTT connections open now.", () => counters.connections);
  metrics.gauge("mooring_gateway_congested", "1 while reading pauses because the log is behind.", () => counters.congested);
  const authFailures = metrics.counter("mooring_gateway_auth_failures_total", "Sign-ons refused.", ["reason"]);
  const ends = metrics.counter("mooring_gateway_connection_ends_total", "Connections ended.", ["reason"]);
  const refusals = metrics.counter("mooring_gateway_connections_refused_total", "Connections refused before sign-on.", ["reason"]);

  const faults = metrics.counter("mooring_gateway_connection_faults_total", "Connections ended by an error of the gateway's own.", []);

  const seen: Record<string, number> = {};
  /** Not carried over yet, by reason: a storm of connections is no time for looking up labels. */
  const ended = new Map<string, number>();
  const carryOver = (): void => {
    for (const { field, name, labels } of series) {
      const now = counters[field];
      const grown = now - (seen[field] ?? 0);
      seen[field] = now;
      if (grown > 0) byName.get(name)?.inc({ ...labels }, grown);
    }
    for (const [reason, count] of ended) ends.inc({ reason }, count);
    ended.clear();
  };
  const timer = setInterval(carryOver, carryOverMs);
  timer.unref();
  return {
    rare: {
      onAuthFailure: (reason) => authFailures.inc({ reason }),
      onConnectionEnd: (reason) => void ended.set(reason, (ended.get(reason) ?? 0) + 1),
      onConnectionFault: () => faults.inc({}),
      onConnectionRefused: (reason) => refusals.inc({ reason }),
    },
    stop() {
      clearInterval(timer);
      carryOver();
      return Promise.resolve();
    },
  };
}
