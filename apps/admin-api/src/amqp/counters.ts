import type { Metrics } from "@mooring/kit";

/** Plain figures of the listener, read when metrics are asked for. */
export class AmqpCounters {
  connections = 0;
  links = 0;
  /** Signs-on that were refused, and connections closed for a limit before it. */
  refused = 0;
  sent = 0;
  accepted = 0;
  rejected = 0;
}

export function publishAmqpMetrics(metrics: Metrics, counters: AmqpCounters): void {
  metrics.gauge("mooring_amqp_connections", "Connections of AMQP back ends.", () => counters.connections);
  metrics.gauge("mooring_amqp_links", "Receiver links of AMQP back ends.", () => counters.links);
  metrics.gauge("mooring_amqp_refused_total", "AMQP connections that were not let in.", () => counters.refused);
  metrics.gauge("mooring_amqp_sent_total", "Messages sent over AMQP.", () => counters.sent);
  metrics.gauge("mooring_amqp_accepted_total", "Messages that AMQP back ends accepted.", () => counters.accepted);
  metrics.gauge("mooring_amqp_rejected_total", "Messages that they rejected, released or modified.", () => counters.rejected);
}
