import type { Metrics } from "@mooring/kit";
import type { RrpcService } from "./service.ts";

export function publishRrpcMetrics(metrics: Metrics, service: RrpcService): void {
  metrics.gauge("mooring_calls_pending", "Calls that wait for an answer on this node.", () => service.pending.size);
  metrics.gauge("mooring_calls_late_answers_total", "Answers nobody waited for.", () => service.pending.lateAnswers);
}
