// Members that acknowledge, reject, stall, go and come at random, against what delivery promises. A failing seed is printed.
import fc from "fast-check";
import { expect, test } from "vitest";
import { makeDevice, makeGroup, makeRecord, queuedFor } from "./fixture.test-support.ts";
import type { GroupMember } from "./member.ts";

const devices = Array.from({ length: 4 }, () => makeDevice());

type Step =
  | { readonly do: "offer"; readonly device: number; readonly count: number }
  | { readonly do: "pull"; readonly member: number; readonly count: number }
  | { readonly do: "acknowledge" | "reject" | "giveUp"; readonly member: number; readonly every: number }
  | { readonly do: "acknowledgeUpTo"; readonly member: number; readonly share: number }
  | { readonly do: "leave" | "join"; readonly member: number }
  | { readonly do: "credit"; readonly member: number; readonly count: number }
  | { readonly do: "advance"; readonly ms: number }
  | { readonly do: "bury" };

const member = fc.integer({ min: 0, max: 2 });
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("offer" as const),
      device: fc.integer({ min: 0, max: 3 }),
      count: fc.integer({ min: 1, max: 5 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant("pull" as const), member, count: fc.integer({ min: 1, max: 8 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constantFrom("acknowledge" as const, "reject" as const), member, every: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("giveUp" as const), member, every: fc.integer({ min: 2, max: 5 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant("acknowledgeUpTo" as const), member, share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("leave" as const, "join" as const), member }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("credit" as const), member, count: fc.integer({ min: 1, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("advance" as const), ms: fc.constantFrom(25, 100, 500, 2_000, 31_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("bury" as const) }) },
);

/** Runs steps and checks each delivery as it comes. */
class World {
  readonly it = makeGroup({ deliveriesMax: 4 });
  readonly members: (GroupMember | undefined)[] = [];
  readonly deviceOf = new Map<number, number>();
  readonly delivered = new Map<number, number[]>(devices.map((_, i) => [i, []]));
  readonly done = new Set<number>();
  readonly credit = new Map<GroupMember, number>();
  offset = 0;

  join(index: number): void {
    if (this.members[index] !== undefined) return;
    // One of them has no flow control.
    const joined = this.it.join(index === 0 ? undefined : 4);
    this.credit.set(joined, index === 0 ? Number.POSITIVE_INFINITY : 4);
    this.members[index] = joined;
  }

  async pull(from: GroupMember, count: number): Promise<void> {
    for (let left = Math.min(count, queuedFor(from)); left > 0 && queuedFor(from) > 0; left--) {
      const { value } = await from.next();
      const offset = value.offset as number;
      const device = this.deviceOf.get(offset) as number;
      expect(this.done.has(offset), `${offset} was done and came again`).toBe(false);
      const seen = this.delivered.get(device) as number[];
      if (!seen.includes(offset)) {
        expect(offset, "first deliveries of a device are in order").toBeGreaterThan(seen.at(-1) ?? 0);
        seen.push(offset);
      }
      this.credit.set(from, (this.credit.get(from) as number) - 1);
      expect(this.credit.get(from), "no more than the credit").toBeGreaterThanOrEqual(0);
      this.expectOrder(device, offset, from);
    }
  }

  /** Whatever came before of the device is done with, or with the same member and sent before. */
  expectOrder(device: number, offset: number, holder: GroupMember): void {
    for (const [earlier, its] of this.deviceOf) {
      if (its !== device || earlier >= offset || this.done.has(earlier)) continue;
      const entry = holder.underWay.get(earlier);
      expect(entry?.pulled, `${earlier} of the same device is not done and not with the member that got ${offset}`).toBe(true);
      expect(entry?.sequence).toBeLessThan(holder.underWay.get(offset)?.sequence ?? 0);
    }
  }

  /** Those the member was handed and has not answered, every so manieth. */
  handed(of: GroupMember, every: number): number[] {
    return [...of.underWay.values()].filter((entry, i) => entry.pulled && i % every === 0).map((entry) => entry.offset);
  }

  noteDying(): void {
    for (const entry of this.it.group.endings.dying.keys()) this.done.add(entry.offset);
  }

  async run(step: Step): Promise<void> {
    const { group, offer, advance } = this.it;
    const who = "member" in step ? this.members[step.member] : undefined;
    if (step.do === "offer") {
      for (let i = 0; i < step.count; i++) {
        this.deviceOf.set(++this.offset, step.device);
        offer(makeRecord(this.offset, devices[step.device] ?? makeDevice()));
      }
    } else if (step.do === "advance") advance(step.ms);
    else if (step.do === "bury") group.buried([...group.endings.dying.keys()]);
    else if (step.do === "join") this.join(step.member);
    else if (who !== undefined) await this.act(step, who);
    this.noteDying();
  }

  async act(step: Step, who: GroupMember): Promise<void> {
    const { group } = this.it;
    if (step.do === "pull") await this.pull(who, step.count);
    else if (step.do === "acknowledge") {
      const offsets = this.handed(who, step.every);
      group.acknowledge(who, offsets);
      for (const offset of offsets) this.done.add(offset);
    } else if (step.do === "reject") group.reject(who, this.handed(who, step.every), "no");
    else if (step.do === "giveUp") group.giveUp(who, this.handed(who, step.every), "no");
    else if (step.do === "acknowledgeUpTo") {
      const before = [...who.underWay.keys()];
      group.acknowledgeUpTo(who, Math.floor(who.pulledMax * step.share));
      for (const offset of before) if (!who.underWay.has(offset)) this.done.add(offset);
    } else if (step.do === "credit" && who.credit !== Number.POSITIVE_INFINITY) {
      this.credit.set(who, (this.credit.get(who) as number) + step.count);
      group.addCredit(who, step.count);
    } else if (step.do === "leave") {
      group.leave(who, true);
      this.members[this.members.indexOf(who)] = undefined;
    }
  }

  /** A member that handles everything comes: in the end nothing is left, and the cursor is at the end. */
  async drain(): Promise<void> {
    const { group, advance, cursor } = this.it;
    for (const each of this.members) if (each !== undefined) group.leave(each, false);
    const last = this.it.join();
    this.credit.set(last, Number.POSITIVE_INFINITY);
    for (let round = 0; round < 200 && cursor() < this.offset; round++) {
      await this.pull(last, 1_000);
      group.acknowledge(last, this.handed(last, 1));
      for (const offset of [...this.deviceOf.keys()]) if (group.isOver(offset)) this.done.add(offset);
      this.noteDying();
      group.buried([...group.endings.dying.keys()]);
      advance(1_000);
    }
    expect(cursor()).toBe(this.offset);
    expect(group.inFlight()).toBe(0);
    expect(group.window.size).toBe(0);
    expect(group.window.bytes).toBe(0);
    expect(last.irregular).toBe(0);
  }
}

test("order per device, at least once, nothing after its acknowledgement, credit kept, and it always ends", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(steps, { minLength: 5, maxLength: 120 }), async (plan) => {
      const world = new World();
      for (let i = 0; i < 3; i++) world.join(i);
      for (const step of plan) await world.run(step);
      await world.drain();
      for (const offset of world.deviceOf.keys()) expect(world.done.has(offset), `${offset} was done`).toBe(true);
    }),
    { numRuns: 300 },
  );
});
