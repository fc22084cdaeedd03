/** Every bound of the webhook runner, in one place. */
export const webhookLimits = {
  /** Of one request. A record that is larger by itself goes alone. */
  batchRecordsMax: 100,
  batchBytesMax: 1_048_576,
  /** Requests under way: of one subscription, so that a slow endpoint slows itself only, and of the process. Others wait for their turn. */
  requestsPerEndpointMax: 2,
  requestsMax: 512,
  /** From the look-up of the name to the end of the answer. */
  requestMs: 10_000,
  /** Of the answer, which nobody reads; the rest is cut off. */
  answerBytesMax: 65_536,
  /** Between tries, of an endpoint that is out and of a record that is refused: doubled after each, up to a quarter shorter at random. */
  backoffMsFirst: 1_000,
  backoffMsMax: 300_000,
  /** The longest wait that an endpoint may ask for (Retry-After). */
  retryAfterMsMax: 3_600_000,
  /**
   * A record that is answered with 5xx, alone, so often at least (and `deliveriesMax` times), while for so long nothing else was taken, is given up:
   * ten tries take nine minutes, and an hour is more than most outages. One record in so long at most, since it may be an outage after all.
   */
  aloneTriesMin: 10,
  aloneMsMin: 3_600_000,
  /** How often subscriptions are looked at again, for those changed through other processes. */
  listMs: 5_000,
  /** How often records that wait here are said to be alive; below the shortest time that a subscription may give for an acknowledgement. */
  tickMs: 250,
  /** A try whose job has not come so long after it was due is put into the queue again: the queue may have been lost. */
  lostAfterMs: 5_000,
} as const;

export type WebhookLimits = { readonly [K in keyof typeof webhookLimits]: number };
