// What every ShadowApi must do, whoever implements it: the service itself, or the client that speaks to it over the wire.
import { describe } from "vitest";
import { describeChanges } from "./conformance/changes.ts";
import { describeConditions } from "./conformance/conditions.ts";
import { describeHistory } from "./conformance/history.ts";
import { describeHostileInput } from "./conformance/hostile.ts";
import { describeMessages } from "./conformance/messages.ts";
import { describeNamedShadows } from "./conformance/named.ts";
import { describeRepeats } from "./conformance/repeats.ts";
import { describeReports } from "./conformance/reports.ts";
import type { CreateWorld } from "./conformance/world.ts";

export function describeShadowApi(name: string, create: CreateWorld): void {
  describe(`ShadowApi: ${name}`, () => {
    describeChanges(create);
    describeConditions(create);
    describeNamedShadows(create);
    describeMessages(create);
    describeReports(create);
    describeRepeats(create);
    describeHistory(create);
    describeHostileInput(create);
  });
}
