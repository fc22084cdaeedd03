import type { Mode, Platform } from "../e2e/harness/platform.ts";
import type { Clocks } from "./clocks.ts";
import type { SmallDisk } from "./small-disk.ts";
import type { Ways } from "./ways.ts";

export interface FaultContext {
  readonly platform: Platform;
  /** Seeded, 0 to 1. */
  readonly random: () => number;
  /** How long what is frozen, full, cut off or wrong stays so. */
  readonly holdMs: number;
  /** Where Postgres keeps its data, when that is a small disk of its own. */
  readonly disk: SmallDisk | undefined;
  readonly clocks: Clocks | undefined;
  readonly ways: Ways;
}

/** What a fault cannot do without and not every machine has. */
export type Need = "disk" | "clocks";

/** Something that happens to a platform while devices post, with its recovery: what an operator or an orchestrator would do. */
export interface Fault {
  readonly name: string;
  readonly modes: readonly Mode[];
  readonly needs?: Need;
  run(context: FaultContext): Promise<void>;
}
