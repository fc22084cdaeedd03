// Clients that connect, publish, subscribe and vanish, a store that holds up and breaks, and a process that dies, at random, against what the
// broker promises. A failing seed is printed with its shortest sequence; what was found is kept in model-cases.test-support.ts.
// The sequences are the same each time, so that a change is judged by what it changed; MOORING_TEST_SEED=<number> tries others.
import fc from "fast-check";
import { expect, test } from "vitest";
import { cases, groupCases, settled } from "./model-cases.test-support.ts";
import { everything, type Focus, groups, sequences } from "./model-steps.test-support.ts";
import { unlimited, World } from "./model-world.test-support.ts";

const stepsEach = 40;

/** Returns what happened, counted. */
async function judge(numRuns: number, queueMax: number, focus: Focus = everything): Promise<World["figures"]> {
  const sums = { delivered: 0, redelivered: 0, acknowledged: 0, wills: 0, resumed: 0, restored: 0, dropped: 0, handedOn: 0 };
  const property = fc.asyncProperty(sequences(stepsEach, focus), async (steps) => {
    const world = new World(queueMax);
    await world.run(steps);
    for (const name of Object.keys(sums) as (keyof typeof sums)[]) sums[name] += world.figures[name];
  });
  await fc.assert(property, { numRuns });
  return sums;
}

test("sessions, QoS 1 and 2, retained messages and wills hold whatever breaks, in 1,000 sequences of 40 steps", async () => {
  const { delivered, redelivered, acknowledged, wills, resumed, restored } = await judge(1_000, unlimited);
  // Nothing would be proved if nothing happened.
  const least = Math.min(delivered / 10_000, redelivered / 300, acknowledged / 30_000, wills / 1_000, resumed / 4_000, restored / 4_000);
  expect(least).toBeGreaterThan(1);
});

test("full queues drop their oldest and nothing else, in 500 sequences of 40 steps", async () => {
  const { dropped } = await judge(500, 12);
  expect(dropped).toBeGreaterThan(300);
});

test("what waits for a member of a group that leaves it is not lost while others are there, in 500 sequences of 40 steps", async () => {
  const { handedOn } = await judge(500, unlimited, groups);
  expect(handedOn).toBeGreaterThan(40);
});

for (const { promise, steps, queueMax = unlimited } of [...cases, ...groupCases]) {
  test(promise, async () => {
    await new World(queueMax).run(settled(steps));
  });
}
