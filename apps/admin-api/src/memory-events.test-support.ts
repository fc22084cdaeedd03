import {
  type DeadLetter,
  type Delivery,
  type EventApi,
  type HistoryPoint,
  invalidField,
  type LogRecord,
  PlatformError,
  type StartPosition,
  type SubscribeRequest,
  type SubscribeStart,
  type Subscription,
  type SubscriptionFilter,
  type SubscriptionSettings,
} from "@mooring/contracts";

const t0 = Date.UTC(2026, 0, 31, 12);
const nothing = { backlog: 0, lagMs: 0, inFlight: 0, members: 0, deadLetters: 0, lost: 0 };
const refuse = (): never => {
  throw new PlatformError("failedPrecondition", "this is not kept in memory");
};

/** A log in memory with what hangs on it, as far as the edge can tell the difference. */
export interface MemoryLog {
  readonly records: LogRecord[];
  readonly subscriptions: Map<string, Subscription>;
  readonly deadLetters: DeadLetter[];
  /** Points of the one property that there is, newest first. */
  readonly points: HistoryPoint[];
  /** Appends a record of the device `dev-1`; the gap between offsets is as large as asked for. */
  say(record?: Partial<LogRecord>): LogRecord;
}

export function createMemoryEvents(calls: unknown[]): { readonly events: EventApi; readonly log: MemoryLog } {
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const go of waiting) go();
    waiting.clear();
  };
  const log: MemoryLog = {
    records: [],
    subscriptions: new Map(),
    deadLetters: [],
    points: [{ property: "temp", timeMs: t0, value: { a: [1] }, messageId: "m1" }],
    say(record) {
      const offset = (log.records.at(-1)?.offset ?? 0) + 1;
      const device = { tenantId: "t1", deviceId: "d1", productKey: "pk01", deviceName: "dev-1" } as never;
      const said: LogRecord = { offset, messageId: `m${offset}`, device, kind: "online", receivedAtMs: t0 + offset, body: "{}", ...record };
      log.records.push(said);
      wake();
      return said;
    },
  };
  const wait = (): Promise<void> => new Promise((resolve) => waiting.add(resolve));
  const events: EventApi = {
    append: () => refuse(),
    read: async () => refuse(),
    subscribe: (_, requests) => deliver(log, requests, { wait, wake }),
    ...createSubscriptions(log, wake),
    ...createDeadLetters(log),
    ...createQueries(log, calls),
    recordRefusals: async () => refuse(),
  };
  return { events, log };
}

function find({ subscriptions }: MemoryLog, name: string): Subscription {
  const found = subscriptions.get(name);
  if (found === undefined) throw new PlatformError("notFound", "there is no such subscription");
  return found;
}

function positionOf({ records }: MemoryLog, start: StartPosition = {}): number {
  if (start.offset !== undefined) return start.offset;
  if (start.timeMs !== undefined) return (records.find((record) => record.receivedAtMs >= (start.timeMs ?? 0))?.offset ?? Infinity) - 1;
  return start.from === "earliest" ? 0 : (records.at(-1)?.offset ?? 0);
}

function fits({ kinds = [], ...filter }: SubscriptionFilter, record: LogRecord): boolean {
  if (filter.productKey !== undefined && filter.productKey !== record.device.productKey) return false;
  if (filter.deviceName !== undefined && filter.deviceName !== record.device.deviceName) return false;
  return kinds.length === 0 || kinds.includes(record.kind);
}

function createSubscriptions(
  log: MemoryLog,
  wake: () => void,
): Pick<
  EventApi,
  "createSubscription" | "getSubscription" | "listSubscriptions" | "updateSubscription" | "seekSubscription" | "deleteSubscription"
> {
  const { subscriptions } = log;
  const withoutSecret = ({ webhook, ...rest }: Subscription): Subscription =>
    webhook === undefined ? rest : { ...rest, webhook: { url: webhook.url } };
  const set = (settings: Subscription): Subscription => {
    subscriptions.set(settings.name, settings);
    wake();
    return settings;
  };
  const withSecret = ({ webhook }: SubscriptionSettings) =>
    webhook === undefined ? {} : { webhook: { url: webhook.url, secret: webhook.secret ?? "made-up" } };
  return {
    async createSubscription(_, { start, ...settings }) {
      if (subscriptions.has(settings.name)) throw new PlatformError("alreadyExists", `the subscription ${settings.name} exists already`);
      return set({ ...settings, ...withSecret(settings), ...nothing, createdAtMs: t0, cursor: positionOf(log, start) });
    },
    getSubscription: async (_, { name }) => withoutSecret(find(log, name)),
    async listSubscriptions(_, { pageSize = 100 }) {
      const all = [...subscriptions.values()].map(withoutSecret);
      return { subscriptions: all.slice(0, pageSize), ...(all.length > pageSize ? { nextPageToken: "more" } : {}) };
    },
    updateSubscription: async (_, settings) => set({ ...find(log, settings.name), ...settings, ...withSecret(settings) }),
    seekSubscription: async (_, { name, position }) => withoutSecret(set({ ...find(log, name), cursor: positionOf(log, position) })),
    async deleteSubscription(_, { name }) {
      find(log, name);
      subscriptions.delete(name);
      wake();
      return {};
    },
  };
}

function createDeadLetters(log: MemoryLog): Pick<EventApi, "listDeadLetters" | "replayDeadLetters" | "deleteDeadLetters"> {
  const { deadLetters } = log;
  const chosen = (offsets: readonly number[] = []): DeadLetter[] =>
    deadLetters.filter(({ record }) => offsets.length === 0 || offsets.includes(record.offset));
  return {
    async listDeadLetters(_, { name }) {
      find(log, name);
      return { deadLetters };
    },
    async replayDeadLetters(_, { name, offsets }) {
      find(log, name);
      const replayed = chosen(offsets);
      for (const letter of replayed) deadLetters[deadLetters.indexOf(letter)] = { ...letter, replayedAtMs: t0 };
      return { count: replayed.length };
    },
    async deleteDeadLetters(_, { name, offsets }) {
      find(log, name);
      const gone = chosen(offsets);
      for (const letter of gone) deadLetters.splice(deadLetters.indexOf(letter), 1);
      return { count: gone.length };
    },
  };
}

function createQueries(log: MemoryLog, calls: unknown[]): Pick<EventApi, "history" | "aggregateHistory" | "getConnection" | "trace"> {
  const assertDevice = ({ deviceName }: { readonly deviceName: string }): void => {
    if (deviceName !== "dev-1") throw new PlatformError("notFound", "there is no such device");
  };
  return {
    async history(_, query) {
      assertDevice(query);
      calls.push(query);
      const begin = Number(query.pageToken ?? 0);
      const end = begin + (query.pageSize ?? 100);
      return { points: log.points.slice(begin, end), ...(end < log.points.length ? { nextPageToken: String(end) } : {}) };
    },
    async aggregateHistory(_, query) {
      assertDevice(query);
      calls.push(query);
      if (query.fromMs >= query.toMs) throw invalidField("/toMs", "must be after from");
      return { intervals: [{ property: "temp", startMs: query.fromMs, count: 2, min: 1, max: 3, avg: 2, last: 3 }] };
    },
    async getConnection(_, request) {
      assertDevice(request);
      return { online: true, sinceMs: t0, clientId: "c1", protocol: "mqtt", nodeId: "n1", address: "192.0.2.1" };
    },
    async trace(_, request) {
      assertDevice(request);
      calls.push(request);
      const consumers = [{ consumer: "history", state: "applied" }, ...names(log).map((consumer) => ({ consumer, state: "waiting" }))];
      const accepted = { atMs: t0 + 1, outcome: "accepted", offset: 7, messageId: "m7", kind: "properties", consumers };
      const refused = { atMs: t0, outcome: "refused", topic: "x", protocol: "mqtt", code: "invalidArgument", reason: "/temp: too hot" };
      return { deviceId: "8f000000-0000-4000-8000-000000000002", entries: [accepted, refused] };
    },
  };
}

const names = ({ subscriptions }: MemoryLog): readonly string[] => [...subscriptions.keys()].map((name) => `subscription:${name}`);

/** One stream: records after the cursor in order, as many as there is credit for, until the requests end or the subscription is deleted. */
async function* deliver(
  log: MemoryLog,
  requests: AsyncIterable<SubscribeRequest>,
  { wait, wake }: { readonly wait: () => Promise<void>; readonly wake: () => void },
): AsyncGenerator<Delivery> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = (await iterator.next()).value as SubscribeRequest | undefined;
  if (first?.start === undefined) throw invalidField("/start", "must be the first thing sent");
  const { subscription: name, credit = 1_000 } = first.start;
  if (!log.subscriptions.has(name)) log.subscriptions.set(name, made(log, first.start));
  const state = { credit, ended: false };
  void listen(log, name, iterator, { state, wake });
  let position = find(log, name).cursor;
  while (!state.ended) {
    const next = log.records.find((record) => record.offset > position && fits(find(log, name).filter ?? {}, record));
    if (next === undefined || state.credit <= 0) {
      await wait();
      continue;
    }
    position = next.offset;
    state.credit--;
    yield { ...next, attempt: 1 };
  }
}

function made(log: MemoryLog, { subscription, productKey, deviceName, kinds, ...start }: SubscribeStart): Subscription {
  const filter = Object.fromEntries(Object.entries({ productKey, deviceName, kinds }).filter(([, value]) => value !== undefined));
  const from = start.from === undefined ? {} : { from: start.from };
  return { name: subscription, filter, ...nothing, createdAtMs: t0, cursor: positionOf(log, from) };
}

async function listen(
  log: MemoryLog,
  name: string,
  requests: AsyncIterator<SubscribeRequest>,
  { state, wake }: { readonly state: { credit: number; ended: boolean }; readonly wake: () => void },
): Promise<void> {
  for (let next = await requests.next(); next.done !== true; next = await requests.next()) {
    const { acknowledgedOffset = 0, credit = 0 } = next.value;
    state.credit += credit;
    const subscription = log.subscriptions.get(name);
    if (subscription !== undefined && acknowledgedOffset > subscription.cursor) {
      log.subscriptions.set(name, { ...subscription, cursor: acknowledgedOffset });
    }
    wake();
  }
  state.ended = true;
  wake();
}
