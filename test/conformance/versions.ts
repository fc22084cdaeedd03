import { ProtocolLevel } from "@mooring/mqtt";

/** The versions of MQTT, by the names the specifications give themselves. */
export const levelOf = { "3.1": ProtocolLevel.V31, "3.1.1": ProtocolLevel.V311, "5.0": ProtocolLevel.V5 } as const;
export type VersionName = keyof typeof levelOf;

/** Which versions a test is about. The names of this table stand in the tests as they are, since `titles.ts` reads them there. */
export const versionSets = {
  all: ["3.1", "3.1.1", "5.0"],
  oasis: ["3.1.1", "5.0"],
  v3: ["3.1", "3.1.1"],
  v31: ["3.1"],
  v311: ["3.1.1"],
  v5: ["5.0"],
} as const satisfies Record<string, readonly VersionName[]>;
export type VersionSet = keyof typeof versionSets;

/** The specification whose statements hold for a version. MQTT 3.1 has no numbered statements: it is judged by those of 3.1.1. */
export type SpecName = "3.1.1" | "5.0";

export function specOf(version: VersionName): SpecName {
  return version === "5.0" ? "5.0" : "3.1.1";
}
