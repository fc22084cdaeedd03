import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Mode, type Platform, startPlatform } from "../e2e/harness/platform.ts";
import { type Clocks, createClocks } from "./clocks.ts";
import type { Fault, Need } from "./fault.ts";
import { Fleet } from "./fleet.ts";
import { mountSmallDisk, type SmallDisk } from "./small-disk.ts";
import { createWays, type Ways } from "./ways.ts";

export interface WorldOptions {
  readonly mode: Mode;
  readonly random: () => number;
  readonly devicesPerTenant: number;
  readonly diskMegabytes: number;
}

/** A platform to which things can happen: on a disk that can be full, with clocks that can be set, behind proxies; and its fleet. */
export interface World {
  readonly platform: Platform;
  readonly fleet: Fleet;
  readonly ways: Ways;
  readonly disk: SmallDisk | undefined;
  readonly clocks: Clocks | undefined;
  /** Undefined when the fault can be tried here; otherwise the reason, for a person. */
  whyNot(fault: Fault): string | undefined;
  close(): Promise<void>;
}

/** So short that a clock which is an hour off would take everything with it, if it decided what is old. */
const environment = { MOORING_LOG_RETENTION_HOURS: "1" };
const reasons: Readonly<Record<Need, string>> = {
  disk: "no file system may be mounted here",
  clocks: "there is no libfaketime to be had here",
};

export async function openWorld({ mode, random, devicesPerTenant, diskMegabytes }: WorldOptions): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), "mooring-faults-"));
  const ways = createWays(random);
  let disk: SmallDisk | undefined;
  let platform: Platform | undefined;
  let fleet: Fleet | undefined;
  const removeAll = (): void => {
    disk?.unmount();
    rmSync(folder, { recursive: true, force: true });
  };
  process.once("exit", removeAll);
  const close = async (): Promise<void> => {
    await fleet?.stop();
    await platform?.stop();
    await ways.stop();
    removeAll();
    process.off("exit", removeAll);
  };
  try {
    const clocks = await createClocks(join(folder, "clocks"));
    const keepsLog = mode === "split" ? "events" : "platform";
    platform = await startPlatform(mode, {
      dataDir: folder,
      onPostgresFolder(postgres) {
        disk = mountSmallDisk(postgres, diskMegabytes);
      },
      via: ways.via,
      environmentOf: (part) => ({ ...clocks?.environmentOf(part), ...(part === keepsLog ? environment : {}) }),
    });
    const { host, port } = platform.mqtts;
    const gateway = await ways.via("gateway", `${host}:${port}`);
    fleet = await Fleet.create(platform, { devicesPerTenant, gateway });
    await fleet.start();
    const there: Readonly<Record<Need, unknown>> = { disk, clocks };
    const whyNot = ({ needs }: Fault) => (needs === undefined || there[needs] !== undefined ? undefined : reasons[needs]);
    return { platform, fleet, ways, disk, clocks, whyNot, close };
  } catch (error) {
    process.stderr.write(`${platform?.logs().slice(-20_000) ?? ""}\n`);
    await close();
    throw error;
  }
}
