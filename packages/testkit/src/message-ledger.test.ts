import { beforeEach, describe, expect, test } from "vitest";
import { type Evidence, MessageLedger, type StoredMessage } from "./message-ledger.ts";

let ledger: MessageLedger;
let stored: StoredMessage[];

/** Three messages of each of two devices of two tenants, all acknowledged, and a platform that kept every promise. */
beforeEach(() => {
  ledger = new MessageLedger();
  stored = [];
  ledger.enlist("a", "one");
  ledger.enlist("b", "two");
  for (let round = 1; round <= 3; round += 1) {
    for (const [device, tenant] of [
      ["a", "one"],
      ["b", "two"],
    ] as const) {
      const sequence = ledger.intend(device);
      ledger.acknowledge({ device, sequence });
      stored.push({ device, tenant, sequence, offset: stored.length + 1 });
    }
  }
});

function evidence(change: Partial<Evidence> = {}): Evidence {
  const of = (tenant: string) => stored.filter((message) => message.tenant === tenant);
  return {
    stored,
    receipts: [
      { subscriber: "s1", tenant: "one", messages: of("one") },
      { subscriber: "s2", tenant: "two", messages: of("two") },
    ],
    shadows: ["a", "b"].map((device) => ({ device, version: 3, sequence: 3 })),
    history: stored,
    ...change,
  };
}

const without = (device: string, sequence: number) => stored.filter((each) => each.device !== device || each.sequence !== sequence);

describe("the ledger's verdict", () => {
  test("over a platform that kept its promises is clean, also with redeliveries and with what was stored and not acknowledged", () => {
    const sequence = ledger.intend("a");
    stored.push({ device: "a", tenant: "one", sequence, offset: 99 });
    const again = [...stored.filter(({ tenant }) => tenant === "one"), { device: "a", sequence: 2 }];
    const { receipts } = evidence();
    const verdict = ledger.judge(
      evidence({
        receipts: [{ subscriber: "s1", tenant: "one", messages: again }, ...receipts.slice(1)],
        shadows: [{ device: "a", version: 4, sequence: 4 }],
      }),
    );
    expect(verdict).toMatchObject({ violations: [], intended: 7, acknowledged: 6, stored: 7, redelivered: 1 });
  });

  // Each bug is one that a platform could have; the verdict must name it.
  test.each<[string, () => Evidence, string]>([
    ["an acknowledged message is lost", () => evidence({ stored: without("a", 2) }), "acknowledged and not stored: a 2"],
    [
      "a message is stored twice",
      () => evidence({ stored: [...stored, { device: "a", tenant: "one", sequence: 3, offset: 50 }] }),
      "stored twice: a 3",
    ],
    [
      "a message is stored that nobody sent",
      () => evidence({ stored: [...stored, { device: "a", tenant: "one", sequence: 9, offset: 50 }] }),
      "stored and never intended: a 9",
    ],
    [
      "order is lost",
      () => evidence({ stored: stored.map((each) => (each.device === "a" ? { ...each, offset: -each.offset } : each)) }),
      "stored out of order: a 2 after 3",
    ],
    [
      "a record is filed under another tenant",
      () => evidence({ stored: stored.map((each) => (each.device === "a" ? { ...each, tenant: "two" } : each)) }),
      "stored under another tenant: a 1",
    ],
    [
      "a delivery is lost",
      () =>
        evidence({ receipts: [{ subscriber: "s1", tenant: "one", messages: without("a", 3).filter(({ tenant }) => tenant === "one") }] }),
      "s1: stored and not delivered: a 3",
    ],
    [
      "a delivery crosses to another tenant",
      () => evidence({ receipts: [{ subscriber: "s2", tenant: "two", messages: stored }] }),
      "s2: delivered to another tenant: a 1",
    ],
    [
      "deliveries overtake each other",
      () =>
        evidence({ receipts: [{ subscriber: "s1", tenant: "one", messages: [3, 1, 2].map((sequence) => ({ device: "a", sequence })) }] }),
      "s1: delivered out of order: a 1 after 3",
    ],
    [
      "a report is applied twice to a shadow",
      () => evidence({ shadows: [{ device: "a", version: 4, sequence: 3 }] }),
      "a shadow's version is not the number of reports: a: 4, 3",
    ],
    [
      "a shadow misses the last report",
      () => evidence({ shadows: [{ device: "a", version: 3, sequence: 2 }] }),
      "a shadow does not hold the last report: a: 2, 3",
    ],
    ["a point is missing in the history", () => evidence({ history: without("b", 1) }), "0 times in the history: b 1"],
    [
      "a point is twice in the history",
      () => evidence({ history: [...stored, { device: "b", sequence: 1 }] }),
      "2 times in the history: b 1",
    ],
    [
      "a point comes from nowhere",
      () => evidence({ history: [...stored, { device: "b", sequence: 7 }] }),
      "in the history and not in the log: b 7",
    ],
  ])("finds that %s", (_, make, violation) => {
    expect(ledger.judge(make()).violations).toContain(violation);
  });
});
