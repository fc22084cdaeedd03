// What every EventApi must do, whoever implements it: the service itself, or the client that speaks to it over the wire.
import { describe } from "vitest";
import { describeConnections } from "./conformance/connections.ts";
import { describeDeadLetters } from "./conformance/dead-letters.ts";
import { describeHistory } from "./conformance/history.ts";
import { describeLog } from "./conformance/log.ts";
import { describeSubscribe } from "./conformance/subscribe.ts";
import { describeSubscriptions } from "./conformance/subscriptions.ts";
import type { EventWorld } from "./conformance/support.ts";
import { describeTrace } from "./conformance/trace.ts";

export type { EventWorld } from "./conformance/support.ts";

export function describeEventApi(name: string, create: () => Promise<EventWorld>): void {
  describe(`EventApi: ${name}`, () => {
    describeLog(create);
    describeSubscribe(create);
    describeSubscriptions(create);
    describeDeadLetters(create);
    describeHistory(create);
    describeConnections(create);
    describeTrace(create);
  });
}
