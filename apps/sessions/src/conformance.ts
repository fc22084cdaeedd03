// What every SessionApi must do, whoever implements it: the service itself, the client that speaks to it over the wire, or the one in memory that
// the broker is tested with.
import { describe } from "vitest";
import { describeLists } from "./conformance/lists.ts";
import { describeRows } from "./conformance/rows.ts";
import { describeStream } from "./conformance/stream.ts";
import type { CreateWorld } from "./conformance/support.ts";

export function describeSessionApi(name: string, create: CreateWorld): void {
  describe(`SessionApi: ${name}`, () => {
    describeStream(create);
    describeRows(create);
    describeLists(create);
  });
}
