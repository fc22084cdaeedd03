/** What one tenant's broker counts; `$SYS` and the metrics read it. */
export class BrokerCounters {
  /** PUBLISH packets of clients, and those sent to clients. */
  messagesIn = 0;
  messagesOut = 0;
  /** QoS 0 messages that their receiver did not read in time. */
  qos0Dropped = 0;
  /** QoS 1 and 2 messages that made room in a full queue. */
  queueDropped = 0;
  /** Messages of shared subscriptions that another member has got, since theirs left. */
  handedOn = 0;
  retainedRefused = 0;
  willsPublished = 0;
  connections = 0;
}
