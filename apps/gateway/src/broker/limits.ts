/** Bounds of one tenant's broker; see config.ts for each. */
export interface BrokerLimits {
  readonly queuedMessagesMax: number;
  readonly queuedBytesMax: number;
  readonly retainedMax: number;
  readonly retainedBytesMax: number;
  /** Seconds; what a client asks for beyond it is cut to it. */
  readonly sessionExpirySMax: number;
  readonly willDelaySMax: number;
  readonly sessionsMax: number;
}
