import { setImmediate } from "node:timers/promises";
import { FakeClock } from "@mooring/testkit";
import { expect, test } from "vitest";
import type { WillOutcome } from "./broker/due-wills.ts";
import type { Message } from "./broker/message.ts";
import type { Session } from "./broker/session.ts";
import { createWillPublisher } from "./will-publisher.ts";

function publisher() {
  const clock = new FakeClock();
  const leaving: ((outcome: WillOutcome) => void)[] = [];
  const asked: ((mayPublish: boolean) => void)[] = [];
  const wills = createWillPublisher({
    clock,
    onDeviceWill: (_session, _message, tell) => void leaving.push(tell),
    willRights: {
      ask: (_session, answer) => asked.length < 1 && asked.push(answer) > 0,
    },
  });
  const outcomes: WillOutcome[] = [];
  const publish = (leftMsAgo: number): void => {
    const session = { owner: "device:d", disconnectedAtMs: clock.now() - leftMsAgo } as Session;
    wills.publish(session, {} as Message, (outcome) => void outcomes.push(outcome));
  };
  return { wills, publish, leaving, asked, outcomes };
}

test("stopping waits for the wills that are on their way: told of after that, they would be published again by the next start", async () => {
  const { wills, publish, leaving, outcomes } = publisher();
  publish(0);
  let isStopped = false;
  const stopping = wills.stop().then(() => {
    isStopped = true;
  });
  await setImmediate();
  expect(isStopped).toBe(false);
  leaving[0]?.("published");
  await stopping;
  expect(outcomes).toEqual(["published"]);
});

test("no will leaves once it has stopped, also one that may by then", async () => {
  const { wills, publish, leaving, asked, outcomes } = publisher();
  publish(1_000);
  await wills.stop();
  asked[0]?.(true);
  publish(0);
  expect([leaving, outcomes]).toEqual([[], []]);
});

test("a will that there is no room to ask about comes again", () => {
  const { publish, asked, leaving, outcomes } = publisher();
  publish(1_000);
  publish(1_000);
  expect(outcomes).toEqual(["later"]);
  asked[0]?.(false);
  expect([leaving, outcomes]).toEqual([[], ["later", "refused"]]);
});
