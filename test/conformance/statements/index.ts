// The numbered statements of both specifications: Appendix B of MQTT 3.1.1 (OASIS Standard, 29 October 2014) and of MQTT 5.0 (OASIS
// Standard, 7 March 2019). The lists of ids were taken from published conformance tables and checked against a second one each: for 3.1.1
// the table of anyflow/lannister and the ids another client library took out of the specification's HTML; for 5.0 two tables of test coverage
// that agree section by section (5, 7, 175, 60 and 4 statements in chapters 1, 2, 3, 4 and 6).
import type { SpecName } from "../versions.ts";
import type { Statements } from "./statement.ts";
import { v5Chapters1And2 } from "./v5-1-2.ts";
import { v5Sections31And32 } from "./v5-3.1-3.2.ts";
import { v5Sections33To37 } from "./v5-3.3-3.7.ts";
import { v5Sections38To315 } from "./v5-3.8-3.15.ts";
import { v5Chapter4 } from "./v5-4.ts";
import { v5Chapter6 } from "./v5-6.ts";
import { v311Chapters1And2 } from "./v311-1-2.ts";
import { v311Sections31To33 } from "./v311-3.1-3.3.ts";
import { v311Sections34To314 } from "./v311-3.4-3.14.ts";
import { v311Chapter4 } from "./v311-4.ts";
import { v311Chapters6And7 } from "./v311-6-7.ts";

export const specifications: Readonly<Record<SpecName, Statements>> = {
  "3.1.1": { ...v311Chapters1And2, ...v311Sections31To33, ...v311Sections34To314, ...v311Chapter4, ...v311Chapters6And7 },
  "5.0": { ...v5Chapters1And2, ...v5Sections31And32, ...v5Sections33To37, ...v5Sections38To315, ...v5Chapter4, ...v5Chapter6 },
};

/** How many each appendix lists. */
export const statementCounts: Readonly<Record<SpecName, number>> = { "3.1.1": 141, "5.0": 251 };
