import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { pause } from "@mooring/kit";
import { LoadConnection, type LoadSink } from "./connection.ts";
import { Histogram } from "./histogram.ts";
import type { Latency, LoadDevice, LoadPlan, LoadResult } from "./plan.ts";

/** Connections that sign on at the same time; servers limit how many strangers one address may have. */
const signOnsMax = 10;
const connectMs = 15_000;
/** What a timer can do; posts that are due meanwhile leave together. */
const tickMs = 1;

/** All devices of a plan, signed on. */
export interface Load {
  /** Posts for the time the plan says and waits for the last acknowledgement. Rejects when a connection is lost. */
  run(): Promise<LoadResult>;
  close(): void;
}

/** Signs all devices on. Rejects when one is refused. */
export async function openLoad(plan: LoadPlan): Promise<Load> {
  const run = new Run(plan);
  const waiting = [...plan.devices.entries()];
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [place, device] = next;
      const connection = new LoadConnection(await openSocket(plan, device), device, plan.wantsReply, run);
      await connection.connect();
      run.connections[place] = connection;
    }
  };
  await Promise.all(Array.from({ length: signOnsMax }, worker));
  return run;
}

function openSocket(plan: LoadPlan, device: LoadDevice): Promise<Socket> {
  const { host, port, caPem } = plan;
  const { certificatePem, keyPem } = device;
  return new Promise((resolve, reject) => {
    const ready = (): void => {
      socket.setTimeout(0);
      resolve(socket);
    };
    const own = certificatePem === undefined ? {} : { cert: certificatePem, key: keyPem };
    const socket =
      caPem === undefined
        ? connectTcp({ host, port }, ready)
        : connectTls({ host, port, ca: caPem, servername: "localhost", ...own }, ready);
    socket.setTimeout(connectMs, () => socket.destroy(new Error(`no connection within ${connectMs} ms`)));
    socket.once("error", (error) => reject(new Error(`${device.clientId}: ${error.message}`)));
  });
}

class Run implements Load, LoadSink {
  readonly #plan: LoadPlan;
  readonly connections: LoadConnection[] = [];
  readonly #puback = new Histogram();
  readonly #late = new Histogram();
  readonly #lost = Promise.withResolvers<never>();
  #measureFromMs = Number.POSITIVE_INFINITY;
  #measureToMs = Number.POSITIVE_INFINITY;
  #measuredAcknowledged = 0;
  #letGo = 0;
  #isPosting = false;

  constructor(plan: LoadPlan) {
    this.#plan = plan;
    // Met by whoever waits for the run; before that nobody does.
    this.#lost.promise.catch(() => undefined);
  }

  onAcknowledged(sentAtMs: number, nowMs: number): void {
    if (nowMs >= this.#measureFromMs && nowMs < this.#measureToMs) this.#measuredAcknowledged++;
    if (sentAtMs >= this.#measureFromMs && sentAtMs < this.#measureToMs) this.#puback.record((nowMs - sentAtMs) * 1_000);
  }

  onLost(reason: string): void {
    this.#lost.reject(new Error(reason));
  }

  run(): Promise<LoadResult> {
    return Promise.race([this.#run(), this.#lost.promise]);
  }

  close(): void {
    this.#isPosting = false;
    for (const connection of this.connections) connection.close();
  }

  async #run(): Promise<LoadResult> {
    const { warmUpMs, measureMs, pace } = this.#plan;
    const cpu = process.cpuUsage();
    const startMs = performance.now();
    this.#isPosting = true;
    if (pace.kind === "rate") void this.#postAtRate(pace.messagesPerS, pace.unacknowledgedMax ?? Number.POSITIVE_INFINITY);
    else this.#fillWindows(pace.messages);
    await pause(warmUpMs);
    this.#measureFromMs = performance.now();
    await pause(measureMs);
    this.#measureToMs = performance.now();
    await this.#drain();
    const { user, system } = process.cpuUsage(cpu);
    return this.#result({ clientCpuMicros: user + system, wholeMs: performance.now() - startMs });
  }

  #fillWindows(messages: number): void {
    const nowMs = performance.now();
    for (const connection of this.connections) {
      connection.refills = true;
      connection.post(messages, nowMs);
    }
  }

  /** Device after device, whatever became of earlier posts: a server that falls behind is not spared. */
  async #postAtRate(messagesPerS: number, unacknowledgedMax: number): Promise<void> {
    const startMs = performance.now();
    for (let posted = 0; this.#isPosting; ) {
      const nowMs = performance.now();
      for (let dueMs = startMs; this.#isPosting; posted++) {
        dueMs = startMs + (posted * 1_000) / messagesPerS;
        if (dueMs > nowMs) break;
        if (nowMs >= this.#measureFromMs) this.#late.record((nowMs - dueMs) * 1_000);
        const connection = this.connections[posted % this.connections.length];
        if (connection !== undefined && connection.inFlight < unacknowledgedMax) connection.post(1, nowMs);
        else this.#letGo++;
      }
      await pause(tickMs);
    }
  }

  async #drain(): Promise<void> {
    this.#isPosting = false;
    for (const connection of this.connections) connection.refills = false;
    const giveUpMs = performance.now() + this.#plan.drainMs;
    const inFlight = (): number => this.connections.reduce((sum, connection) => sum + connection.inFlight, 0);
    while (inFlight() > 0 && performance.now() < giveUpMs) await pause(5);
    // Replies follow their PUBACKs; those of the last ones may still be on their way.
    if (this.#plan.wantsReply) await pause(200);
  }

  #result(whole: Pick<LoadResult, "clientCpuMicros" | "wholeMs">): LoadResult {
    const total = (of: (connection: LoadConnection) => number): number => this.connections.reduce((sum, each) => sum + of(each), 0);
    return {
      sent: total(({ sent }) => sent),
      acknowledged: total(({ acknowledged }) => acknowledged),
      replies: total(({ replies }) => replies),
      letGo: this.#letGo,
      unexpected: total(({ unexpected }) => unexpected),
      acknowledgedByDevice: this.connections.map(({ acknowledged }) => acknowledged),
      measuredMs: this.#measureToMs - this.#measureFromMs,
      measuredAcknowledged: this.#measuredAcknowledged,
      puback: latencyOf(this.#puback),
      late: latencyOf(this.#late),
      ...whole,
    };
  }
}

function latencyOf(histogram: Histogram): Latency {
  const [p50, p99, p999] = [0.5, 0.99, 0.999].map((share) => histogram.quantile(share)) as [number, number, number];
  return { p50, p99, p999, max: histogram.max, mean: Math.round(histogram.mean) };
}
