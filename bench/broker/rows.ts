// What is measured of each broker, and what an earlier run on a quiet machine gave.

/** Which line and figure of the generator's output a row is about. */
export interface RowFigure {
  /** Shown as the unit of the row. */
  readonly unit: string;
  readonly field: string;
  /** Of a scenario that prints several lines: the one with this `what`. */
  readonly what?: string;
  /** Reference figures: mosquitto 2.0.20, FlashMQ 1.26.2, aedes 1.2.0 and our throwaway prototype on Node 20. */
  readonly reference?: Reference;
}

export interface Reference {
  readonly mosquitto?: number;
  readonly flashmq?: number;
  readonly aedes?: number;
  readonly prototype?: number;
}

export interface Row {
  readonly name: string;
  readonly args: readonly string[];
  readonly isTls?: boolean;
  /** One of the generator's amounts, and what it is when nobody wants to wait. */
  readonly amount?: readonly [full: number, quick: number];
  /** Where our gateway keeps sessions in this row. */
  readonly sessions?: "memory" | "postgres";
  /** Brokers that have no such thing. */
  readonly notFor?: readonly string[];
  /** Seconds for which our gateway lets TLS sessions be resumed; its default is not to. */
  readonly tlsSessionS?: number;
  /** Seconds of load before the measurement, in place of the plan's: V8 compiles what is hot on its own time, and a lone message is rarely hot. */
  readonly warmUpSecs?: number;
  /** The same load once before, unmeasured: of a broker that has been up for a while. */
  readonly isRehearsed?: boolean;
  /** Also measured: what Node and the kernel cost at least, which is no broker (`floor-main.ts`). */
  readonly hasFloor?: boolean;
  readonly figures: readonly RowFigure[];
}

/** Where the earlier run gave a range, its middle. */
const reference = (mosquitto?: number, flashmq?: number, aedes?: number, prototype?: number): Reference =>
  Object.fromEntries(Object.entries({ mosquitto, flashmq, aedes, prototype }).filter(([, value]) => value !== undefined));
const perDelivery = (of?: Reference): RowFigure => ({
  unit: "CPU us/delivery",
  field: "cpu_us_per_delivery",
  ...(of && { reference: of }),
});
const perMessage = (what: string, of?: Reference): RowFigure => ({
  unit: `${what}: CPU us/message`,
  field: "cpu_us_per_msg",
  what,
  ...(of && { reference: of }),
});
const perConnect = (of?: Reference): RowFigure => ({ unit: "CPU us/connect", field: "cpu_us_per_connect", ...(of && { reference: of }) });
const perConnection = (of: Reference): RowFigure => ({ unit: "bytes/connection", field: "bytes_per_conn", reference: of });

function flow(name: string, args: string, of?: Reference, more: Partial<Row> = {}): Row {
  return { name, args: args.split(" "), figures: [perDelivery(of)], ...more };
}

/** As fast as it goes, with an end-to-end window, so that nothing is dropped. */
const flows: readonly Row[] = [
  flow("fan-in 50 -> 1, QoS 0", "fanin -q 0 --pubs 50 --subs 1 --win 20", reference(8.0, 0.47, 10.4, 0.33)),
  flow("fan-in 50 -> 1, QoS 1", "fanin -q 1 --pubs 50 --subs 1 --win 10", reference(15.7, 1.3, 14.0, 1.16)),
  flow("fan-in 50 -> 1, QoS 2", "fanin -q 2 --pubs 50 --subs 1 --win 10", reference(32, 2.4, 30, 1.95)),
  flow("fan-in 50 -> 1, QoS 1, MQTT 5", "fanin -q 1 -V 5 --pubs 50 --subs 1 --win 10", undefined, { notFor: ["aedes"] }),
  flow("fan-in 50 -> 1, QoS 1, mutual TLS", "fanin -q 1 --pubs 50 --subs 1 --win 10", reference(19.3, 1.6, 8.7, 1.4), { isTls: true }),
  flow("fan-out 1 -> 100, QoS 0", "fanout -q 0 --pubs 1 --subs 100 --win 10", reference(5.0, 0.97, 6.6, 0.55)),
  flow("fan-out 1 -> 100, QoS 1", "fanout -q 1 --pubs 1 --subs 100 --win 10", reference(6.9, 1.2, 9.1, 0.94)),
  flow("fan-out 1 -> 1,000, QoS 0", "fanout -q 0 --pubs 1 --subs 1000 --win 4", reference(7.0, 2.0, 9.9, 1.4)),
  flow("fan-out 1 -> 1,000, QoS 1", "fanout -q 1 --pubs 1 --subs 1000 --win 4"),
  flow("200 pairs, QoS 0", "pairs -q 0 --pubs 200 --win 2", reference(7.2, 6.0, 13, 4.1)),
  flow("200 pairs, QoS 1", "pairs -q 1 --pubs 200 --win 2", reference(14.8, 9.1, 23, 7.2)),
];

const rateWarmUpSecs = 10;
/** At a rate that leaves everybody time: what a message costs that comes alone, and how long it takes. */
const rates: readonly Row[] = (
  [
    flow("4,000/s in 500 pairs, QoS 0", "pairs -q 0 --pubs 500 --rate 4000", reference(13.1, 15.6, 24, 16), { hasFloor: true }),
    flow("4,000/s in 500 pairs, QoS 1", "pairs -q 1 --pubs 500 --rate 4000", reference(22.5, 22.5, 41, 22.5), { hasFloor: true }),
    flow("4,000/s in 500 pairs, QoS 1, mutual TLS", "pairs -q 1 --pubs 500 --rate 4000 --conc 20", reference(32, 35, 54, 44), {
      isTls: true,
    }),
    flow("4,000/s, 500 -> 1, QoS 1", "fanin -q 1 --pubs 500 --subs 1 --rate 4000"),
    flow("100/s, 5 -> 100, QoS 0", "fanout -q 0 --pubs 5 --subs 100 --rate 100"),
  ] as const
).map((row) => ({ ...row, warmUpSecs: rateWarmUpSecs }));

const connections: readonly Row[] = [
  {
    name: "idle connections, one subscription each",
    args: ["idle", "--conc", "100"],
    amount: [10_000, 500],
    figures: [perConnection(reference(2_500, 5_800, 21_000, 7_400)), perConnect()],
  },
  {
    name: "idle connections, mutual TLS",
    args: ["idle", "--conc", "30"],
    isTls: true,
    amount: [2_000, 100],
    figures: [perConnection(reference(14_000, 35_000, undefined, 55_000)), perConnect()],
  },
  {
    name: "connection storm on a broker just started",
    args: ["storm", "--conc", "50"],
    amount: [10_000, 500],
    figures: [perConnect()],
  },
  {
    name: "connection storm",
    args: ["storm", "--conc", "50"],
    isRehearsed: true,
    hasFloor: true,
    amount: [10_000, 500],
    figures: [perConnect(reference(25, 31, 149, 40))],
  },
  {
    name: "connection storm, mutual TLS, full handshakes",
    args: ["storm", "--conc", "50"],
    isTls: true,
    amount: [4_000, 200],
    figures: [perConnect(reference(800, 873, 1_243, 1_084))],
  },
  {
    name: "connection storm, mutual TLS, sessions offered again",
    args: ["storm", "--conc", "50", "--resume"],
    isTls: true,
    tlsSessionS: 3_600,
    amount: [4_000, 200],
    figures: [perConnect(reference(419, undefined, undefined, 482)), { unit: "of them resumed, %", field: "resumed_percent" }],
  },
];

const tables: readonly Row[] = [
  {
    name: "retained topics",
    args: ["retain", "-q", "0", "--win", "50"],
    amount: [100_000, 2_000],
    figures: [
      perMessage("store"),
      perMessage("replay"),
      { unit: "bytes/topic", field: "bytes_per_topic", what: "store", reference: reference(568, 785, 664, 600) },
    ],
  },
  {
    name: "retained topics, on a broker that is up",
    args: ["retain", "-q", "0", "--win", "50"],
    isRehearsed: true,
    amount: [100_000, 2_000],
    figures: [perMessage("store", reference(8.4, 1.8, 5.8, 3.6)), perMessage("replay", reference(6.1, 1.1, 15, 0.9))],
  },
  {
    name: "subscriptions with wildcards over 500 connections",
    args: ["subs", "-q", "0", "--subs", "500", "--pubs", "10", "--topics", "20000", "--win", "50"],
    amount: [100_000, 5_000],
    figures: [
      perDelivery(reference(8.8, 3.1, 12.4, 2.9)),
      { unit: "bytes/subscription", field: "bytes_per_sub", what: "subscribe", reference: reference(640, 768, 2_313, 938) },
    ],
  },
];

/** Sessions that are kept, and what is committed for them before it is acknowledged: the promise costs what it costs. */
const kept: readonly Row[] = (["memory", "postgres"] as const).flatMap((sessions): readonly Row[] => {
  const where = sessions === "memory" ? "ours in memory" : "ours on disk";
  return [
    flow(`fan-in 50 -> 1 kept session, QoS 1, connected; ${where}`, "fanin -q 1 --pubs 50 --subs 1 --win 10 --persistent", undefined, {
      sessions,
    }),
    {
      name: `fan-in 50 -> 1 kept session, QoS 1, away; ${where}`,
      args: "offline -q 1 --pubs 50 --win 10".split(" "),
      amount: [50_000, 1_000],
      sessions,
      figures: [perMessage("store"), perMessage("deliver")],
    },
  ];
});

/** Memory first: those figures want a process in which nothing happened yet. */
export const rows: readonly Row[] = [...connections, ...flows, ...rates, ...tables, ...kept];
