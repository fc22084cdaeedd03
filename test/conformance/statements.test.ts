import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mosquittoDeviations } from "./mosquitto-deviations.ts";
import { specifications, statementCounts } from "./statements/index.ts";
import type { Statement } from "./statements/statement.ts";
import { statementsOf, titledTests } from "./titles.ts";
import { type SpecName, specOf } from "./versions.ts";

const root = join(import.meta.dirname, "../..");
const tests = titledTests();
const named = tests.flatMap((titled) => statementsOf(titled).map((statement) => ({ ...statement, titled })));

describe.each(["3.1.1", "5.0"] as const)("the statements of MQTT %s", (spec: SpecName) => {
  const statements = specifications[spec];

  test("are as many as its appendix lists, numbered without a gap", () => {
    expect(Object.keys(statements)).toHaveLength(statementCounts[spec]);
    const last = new Map<string, number>();
    for (const id of Object.keys(statements)) {
      const [section = "", number = ""] = id.split("-");
      // The only section that does not begin with 1: [MQTT-2.2.1-1] was dropped from MQTT 5.0.
      const before = last.get(section) ?? (spec === "5.0" && section === "2.2.1" ? 1 : 0);
      expect(Number(number), id).toBe(before + 1);
      last.set(section, Number(number));
    }
  });

  test("have each a test or a reason why not, if a server must obey them", () => {
    const tested = new Set(named.filter((statement) => statement.spec === spec).map(({ id }) => id));
    const isOpen = ({ waived, shownBy }: Statement): boolean => waived === undefined && shownBy === undefined;
    const open = Object.entries(statements).filter(([id, statement]) => !tested.has(id) && isOpen(statement));
    expect(open.map(([id, { says }]) => `${id} ${says}`)).toEqual([]);
    const both = Object.entries(statements).filter(([id, { who, waived }]) => who !== "client" && tested.has(id) && waived !== undefined);
    expect(
      both.map(([id]) => id),
      "waived, but there is a test",
    ).toEqual([]);
  });

  test("name tests elsewhere that are there", () => {
    for (const [id, { shownBy = [] }] of Object.entries(statements)) {
      for (const { file, title } of shownBy) expect(readFileSync(join(root, file), "utf8"), id).toContain(title);
    }
  });
});

test("no test carries an id that no statement of its versions has", () => {
  for (const { spec, id, titled } of named) expect(specifications[spec], `${titled.file}: ${titled.title}`).toHaveProperty([id]);
  for (const { title, versions } of tests) {
    const ids = [...title.matchAll(/\[[^\]]*\]/g)].map(([text]) => text);
    for (const text of ids) {
      const [, only] = /^\[(?:(3\.1\.1|5\.0) )?MQTT-[\d.]+-\d+\]$/.exec(text) ?? [];
      expect(text, title).toMatch(/^\[(?:(3\.1\.1|5\.0) )?MQTT-[\d.]+-\d+\]$/);
      if (only !== undefined) expect(versions.map(specOf), title).toContain(only);
    }
  }
});

test("no two tests have the same title", () => {
  const titles = tests.flatMap(({ title, versions }) => versions.map((version) => `${version}: ${title}`));
  expect(titles.filter((title, at) => titles.indexOf(title) !== at)).toEqual([]);
});

test("what is said of mosquitto is said of tests that are there", () => {
  for (const { title, versions } of mosquittoDeviations) {
    const found = tests.filter((titled) => titled.title === title && versions.some((version) => titled.versions.includes(version)));
    expect(found, title).toHaveLength(1);
    for (const version of versions) expect(found[0]?.versions, title).toContain(version);
  }
});
