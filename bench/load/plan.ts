// What the process that makes the load is told, and what it answers. Both pass through the IPC channel as JSON.

/** One device: how it signs on and what it says. */
export interface LoadDevice {
  readonly clientId: string;
  /** "" for none. */
  readonly username: string;
  readonly password: string;
  readonly topic: string;
  /** PEM: the certificate with its issuers, and its key. Absent without TLS. */
  readonly certificatePem?: string;
  readonly keyPem?: string;
}

/**
 * How fast devices post: as fast as a window of unacknowledged messages per device lets them, or so many messages a second in total. With
 * `unacknowledgedMax` a device that has so many under way lets go what it would have sent, as firmware with a bounded buffer does.
 */
export type Pace =
  | { readonly kind: "window"; readonly messages: number }
  | { readonly kind: "rate"; readonly messagesPerS: number; readonly unacknowledgedMax?: number };

export interface LoadPlan {
  readonly host: string;
  readonly port: number;
  /** With it, the connections are TLS, and the server must show a certificate of this authority (PEM) for `localhost`. */
  readonly caPem?: string;
  readonly devices: readonly LoadDevice[];
  readonly pace: Pace;
  /** Asks for a `post_reply` to each post, and subscribes to it. */
  readonly wantsReply: boolean;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Longest wait for what is unacknowledged after the last post. */
  readonly drainMs: number;
}

/** Microseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly mean: number;
}

export interface LoadResult {
  /** From the first post of the warm-up to the end of the drain. Lost are those never acknowledged. */
  readonly sent: number;
  readonly acknowledged: number;
  readonly replies: number;
  /** With a bounded rate: what devices let go. */
  readonly letGo: number;
  /** Acknowledgements of ids that were not in flight. */
  readonly unexpected: number;
  /** Messages acknowledged by each device over the whole run, in the order of the plan. */
  readonly acknowledgedByDevice: readonly number[];
  /** Within the measured time. */
  readonly measuredMs: number;
  readonly measuredAcknowledged: number;
  /** Of the messages that were sent in the measured time, also when their acknowledgement came later. */
  readonly puback: Latency;
  /** With a rate: how late posts left after they were due. What a client out of breath adds is seen here. */
  readonly late: Latency;
  /** User and system time of the client from the first post of the warm-up to the end of the drain, and how long that was. */
  readonly clientCpuMicros: number;
  readonly wholeMs: number;
}

/** Client to its parent. It waits for "go" after "connected" and for nothing else. */
export type LoadEvent =
  | { readonly kind: "connected" }
  | { readonly kind: "result"; readonly result: LoadResult }
  | { readonly kind: "failed"; readonly message: string };

/** Parent to client. */
export type LoadCommand = { readonly kind: "plan"; readonly plan: LoadPlan } | { readonly kind: "go" };
