import { describe, expect, test } from "vitest";
import { type Measured, spreadOf } from "./measure-rows.ts";
import { rows } from "./rows.ts";

function measured(values: readonly number[]): Measured {
  const [row] = rows;
  if (row === undefined) throw new Error("there are no rows");
  return {
    row,
    broker: "b",
    version: "1",
    runs: values.map((value) => [
      { what: "store", us: value },
      { what: "replay", us: value * 100 },
    ]),
  };
}

describe("the figure of a row", () => {
  test("is the median of all runs, beside the least and the most", () => {
    expect(spreadOf(measured([9, 1, 4]), { field: "us", what: "store" })).toEqual({ median: 4, least: 1, most: 9 });
    expect(spreadOf(measured([9, 1, 4, 6]), { field: "us", what: "store" })).toEqual({ median: 5, least: 1, most: 9 });
  });

  test("is of the line it names, and of no other", () => {
    expect(spreadOf(measured([2]), { field: "us", what: "replay" })?.median).toBe(200);
    expect(spreadOf(measured([2]), { field: "us", what: "clear" })).toBeUndefined();
  });

  test("has a name that no other row has", () => {
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  });
});
