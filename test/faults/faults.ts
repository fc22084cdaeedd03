import { clockFaults } from "./clock-faults.ts";
import type { Fault } from "./fault.ts";
import { processFaults } from "./process-faults.ts";
import { storeFaults } from "./store-faults.ts";
import { wayFaults } from "./way-faults.ts";

export const faults: readonly Fault[] = [...processFaults, ...storeFaults, ...wayFaults, ...clockFaults];
