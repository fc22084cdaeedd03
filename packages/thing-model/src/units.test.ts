import { describe, expect, test } from "vitest";
import { checkModel } from "./compile.ts";
import { unitProblem, units } from "./units.ts";

const findingsOf = (unit: string) =>
  checkModel(JSON.stringify({ sdfObject: { O: { sdfProperty: { p: { type: "number", unit } } } } })).findings;

describe("the registry of units", () => {
  test("has what RFC 8428, RFC 8798 and the later registrations named: 67 primary and 39 secondary units", () => {
    const all = [...units.values()];
    expect(all.filter(({ secondary }) => secondary === undefined)).toHaveLength(67);
    expect(all.filter(({ secondary }) => secondary !== undefined)).toHaveLength(39);
  });

  test("gives each secondary unit a primary one it can be counted in [RFC 8798 s3]", () => {
    for (const { name, secondary } of units.values()) {
      if (secondary === undefined) continue;
      expect(units.get(secondary.primary), name).toBeDefined();
      expect(units.get(secondary.primary)?.secondary, name).toBeUndefined();
    }
    const dBm = units.get("dBm")?.secondary;
    expect(dBm).toEqual({ primary: "dBW", scale: 1, offset: -30 });
    expect(units.get("kWh")?.secondary?.scale).toBe(3_600_000);
  });

  test.each(["Cel", "m/s2", "/100", "%RH", "Wh", "deg", "https://qudt.org/vocab/unit/KiloPA", "urn:example:unit"])(
    "%s is a unit",
    (unit) => {
      expect(unitProblem(unit)).toBeUndefined();
      expect(findingsOf(unit)).toEqual([]);
    },
  );

  test.each([
    ["°C", /registry has Cel/],
    ["cel", /not in the registry/],
    ["furlong", /not in the registry/],
    ["", /not in the registry/],
  ])("%j is a warning, not an error", (unit, message) => {
    expect(findingsOf(unit)).toEqual([
      { severity: "warning", pointer: "/sdfObject/O/sdfProperty/p/unit", message: expect.stringMatching(message) },
    ]);
  });
});
