// Joins every subscription with a webhook as its only member, and carries what it gets to the endpoint. Every try is a job, which the platform's
// job system schedules and operators see; the job says which batch is due and nothing more. What a job would lose is not lost: the records are
// unacknowledged, in the subscription and here, until the endpoint has answered 2xx.
import { hostname } from "node:os";
import { type EndpointStatus, PlatformError } from "@mooring/contracts";
import {
  type AddressRules,
  type Clock,
  createResolve,
  type Log,
  type Metrics,
  monotonicClock,
  type Resolve,
  type Running,
  startLoop,
  systemClock,
} from "@mooring/kit";
import type { JobQueue, Jobs } from "@mooring/queue";
import type { DeliveryGroups, Member, WebhookSubscription, Webhooks } from "../delivery/ports.ts";
import { type Batch, Endpoint } from "./endpoint.ts";
import { type WebhookLimits, webhookLimits } from "./limits.ts";
import { PostFailure, post } from "./post.ts";
import { createRoom } from "./room.ts";

export interface WebhookDeps {
  readonly groups: DeliveryGroups;
  readonly webhooks: Webhooks;
  /** Asked when there is a first webhook, and until it works: this process starts without the job backend too. Closed on stop. */
  readonly openJobs: () => Promise<Jobs>;
  readonly rules: AddressRules;
  /** Nothing is sent for this tenant for the time being. Whoever changes the answer notifies `webhooks.changed`. */
  readonly isPaused?: (tenantId: string) => boolean;
  readonly metrics: Metrics;
  readonly log: Log;
  /**
   * Tells this process from others of this service at the same job backend, and is the same after a restart: its jobs are in a queue of its own,
   * since only it has the batches. The host's name when absent.
   */
  readonly instance?: string;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly resolve?: Resolve;
  /** For tests: other bounds. */
  readonly limits?: Partial<WebhookLimits>;
}

const jobName = "deliver";
const jobsAtATime = 32;
const retryMs = 500;

/** What operators see of a try. */
interface JobData {
  readonly batch: string;
  readonly tenantId: string;
  readonly subscription: string;
  readonly records: number;
  readonly first: number;
  readonly last: number;
  readonly tries: number;
}

interface Joined {
  readonly endpoint: Endpoint;
  readonly member: Member;
}

/** Runs until stopped. */
export function startWebhooks(deps: WebhookDeps): Running {
  const limits = { ...webhookLimits, ...deps.limits };
  const clock = deps.clock ?? systemClock;
  const queueName = queueNameOf(deps.instance ?? hostname());
  const joined = new Map<string, Joined>();
  const joining = new Set<string>();
  const stopped = new AbortController();
  const counters = createCounters(deps.metrics, joined);
  const room = createRoom(limits.requestsMax);
  const transport = {
    rules: deps.rules,
    resolve: deps.resolve ?? createResolve(deps.rules.knowsInside),
    timeoutMs: limits.requestMs,
    answerBytesMax: limits.answerBytesMax,
  };
  let opened: { readonly jobs: Jobs; readonly queue: JobQueue } | undefined;

  const schedule = (batch: Batch, delayMs: number): void => {
    const { held, tries, endpoint } = batch;
    const [first, last] = [held[0]?.record.offset ?? 0, held.at(-1)?.record.offset ?? 0];
    const { tenantId, name } = endpoint.settings;
    const data: JobData = { batch: batch.id, tenantId, subscription: name, records: held.length, first, last, tries };
    opened?.queue.add(jobName, { ...data }, { delayMs, attempts: 1 }).catch((error: unknown) => {
      // The endpoint's tick sees that no job came, and tries again.
      deps.log.warn({ err: error, subscription: name }, "a webhook's batch could not be put into the job queue");
    });
  };
  const onJob = ({ batch, tenantId, subscription }: Partial<JobData>): void => {
    joined.get(`${tenantId}/${subscription}`)?.endpoint.onDue(batch ?? "");
  };

  const send = async (url: string, headers: Readonly<Record<string, string>>, body: Buffer): Promise<void> => {
    const startedAt = performance.now();
    try {
      await post(transport, { url, headers, body, signal: stopped.signal });
      counters.attempts.inc({ outcome: "delivered" });
    } catch (error) {
      counters.attempts.inc({ outcome: error instanceof PostFailure ? error.kind : "failed" });
      throw error;
    } finally {
      counters.seconds.observe((performance.now() - startedAt) / 1_000);
    }
  };

  const tellStatus = ({ tenantId, name: subscription }: WebhookSubscription, member: Member, status: EndpointStatus): void => {
    const isNew = member.endpoint?.state !== status.state;
    member.reportEndpoint(status);
    if (!isNew) return;
    if (status.state === "outage") deps.log.warn({ tenantId, subscription, error: status.lastError }, "a webhook's endpoint is out");
    else deps.log.info({ tenantId, subscription }, "a webhook's endpoint takes records again");
  };
  let isDue = false;
  const lookAgain = (): void => {
    isDue = true;
    deps.webhooks.changed.notify();
  };
  const run = async (key: string, settings: WebhookSubscription): Promise<void> => {
    const { tenantId, name } = settings;
    const member = await deps.groups.join(tenantId, name, { webhook: true, wait: false });
    const endpoint = new Endpoint(settings, {
      member,
      limits,
      clock,
      timer: monotonicClock,
      random: deps.random ?? Math.random,
      schedule,
      send,
      whenRoom: room.run,
      onOutcome: (outcome, records) => counters.records.inc({ outcome }, records),
      onStatus: (status) => tellStatus(settings, member, status),
    });
    joined.set(key, { endpoint, member });
    try {
      if (!stopped.signal.aborted) for await (const record of member.deliveries) endpoint.onRecord(record);
    } finally {
      endpoint.end();
      joined.delete(key);
      await member.close();
      // It may only have been set to another place; whether there is something to join is seen by looking.
      joining.delete(key);
      lookAgain();
    }
  };

  const open = async (): Promise<void> => {
    const jobs = await deps.openJobs();
    try {
      const queue = await jobs.queue(queueName);
      await jobs.work(queueName, async ({ data }) => onJob(data as Partial<JobData>), { concurrency: jobsAtATime });
      opened = { jobs, queue };
    } catch (error) {
      await jobs.close();
      throw error;
    }
  };

  const listed = async (): Promise<readonly WebhookSubscription[]> =>
    (await deps.webhooks.list()).filter(({ tenantId }) => deps.isPaused?.(tenantId) !== true);

  const look = async (): Promise<void> => {
    const there = new Map((await listed()).map((one) => [`${one.tenantId}/${one.name}`, one]));
    // The job backend is not asked for before there is something to do.
    if (there.size > 0 && opened === undefined) await open();
    for (const [key, { member }] of joined) if (!there.has(key)) void member.close();
    for (const [key, settings] of there) {
      const mine = joined.get(key);
      mine?.endpoint.onSettings(settings);
      if (mine !== undefined || joining.has(key)) continue;
      joining.add(key);
      void run(key, settings)
        .catch((error: unknown) => report(deps.log, settings, error))
        .finally(() => joining.delete(key));
    }
  };

  const ticker = setInterval(() => {
    for (const { endpoint } of joined.values()) endpoint.onTick();
  }, limits.tickMs);
  const looking = startLoop(
    async (signal) => {
      isDue = false;
      await look();
      if (!isDue) await deps.webhooks.changed.wait(limits.listMs, signal);
    },
    { retryMs, onError: (error) => deps.log.error({ err: error }, "webhooks are not delivered") },
  );
  return {
    async stop() {
      stopped.abort();
      await looking.stop();
      clearInterval(ticker);
      await Promise.all([...joined.values()].map(({ member }) => member.close()));
      await opened?.jobs.close();
    },
  };
}

/** Names of queues are of [a-z][a-z0-9-]*, at most 63. */
function queueNameOf(instance: string): string {
  return `webhooks-${instance.toLowerCase().replace(/[^a-z0-9-]/g, "-")}`.slice(0, 63);
}

/** Another process that has the subscription, and one that was changed or deleted meanwhile, are the ordinary course of things. */
function report(log: Log, { tenantId, name }: WebhookSubscription, error: unknown): void {
  const expected = error instanceof PlatformError && ["unavailable", "failedPrecondition", "notFound"].includes(error.code);
  if (expected) log.debug({ err: error, tenantId, subscription: name }, "a webhook is not delivered from here");
  else log.error({ err: error, tenantId, subscription: name }, "a webhook's delivery failed");
}

function createCounters(metrics: Metrics, joined: ReadonlyMap<string, Joined>) {
  metrics.gauge("mooring_webhook_endpoints", "Webhooks that this process delivers to.", () => joined.size);
  metrics.gauge("mooring_webhook_batches", "Batches of webhooks under way or waiting for their next try.", () =>
    [...joined.values()].reduce((sum, { endpoint }) => sum + endpoint.batchCount, 0),
  );
  const outages = (): EndpointStatus[] =>
    [...joined.values()].flatMap(({ member }) => (member.endpoint?.state === "outage" ? [member.endpoint] : []));
  metrics.gauge("mooring_webhook_outages", "Webhooks of this process whose endpoint is out.", () => outages().length);
  metrics.gauge("mooring_webhook_outage_max_seconds", "How long the one that is out longest has been.", () =>
    outages().reduce((longest, { sinceMs }) => Math.max(longest, (Date.now() - sinceMs) / 1_000), 0),
  );
  return {
    attempts: metrics.counter("mooring_webhook_attempts_total", "Requests to webhooks, by how they ended.", ["outcome"]),
    records: metrics.counter("mooring_webhook_records_total", "Records delivered, sent in vain, and given up.", ["outcome"]),
    seconds: metrics.histogram("mooring_webhook_seconds", "How long requests to webhooks take.", []),
  };
}
