// Many writers on one device's shadow through every door at the same time, while processes are killed under them. What became of it is for the
// ledger of the testkit to judge, which knows none of the platform's rules.
import type { JsonObject, ShadowChange } from "@mooring/contracts";
import { pause } from "@mooring/kit";
import { type LedgerTry, type ShadowLedger, until } from "@mooring/testkit";
import type { Target, TestDevice } from "../e2e/harness/devices.ts";
import { connectPublic, nobody } from "../e2e/harness/grpc.ts";
import type { Platform } from "../e2e/harness/platform.ts";
import { StormConnection } from "./storm-connection.ts";
import { openDoors, type StormChange, type StormDoor, type StormOutcome } from "./storm-doors.ts";

export interface StormOptions {
  readonly platform: Platform;
  readonly device: TestDevice;
  readonly writers: number;
  /** Seeded, 0 to 1. */
  readonly random: () => number;
  /** Parts of the platform, killed one after the other. */
  readonly victims: readonly string[];
  /** Between a recovery and the next kill, at least. */
  readonly quietMs: number;
}

export interface StormResult {
  readonly ledger: ShadowLedger;
  /** By door: what writers were told. */
  readonly outcomes: ReadonlyMap<string, Readonly<Record<StormOutcome["kind"], number>>>;
  /** Versions in documents messages, in the order in which a device that listened all the time heard them. */
  readonly heard: readonly number[];
}

const retryMs = 100;
/** At most, before each change: without it no condition would ever hold. */
const thinkMs = 200;

class Storm {
  readonly tries: LedgerTry[] = [];
  readonly successes: ShadowLedger["successes"][number][] = [];
  readonly outcomes = new Map<string, Record<StormOutcome["kind"], number>>();
  readonly #random: () => number;
  #seen = 0;
  isOver = false;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** What anybody was told; conditions are made of it. */
  see(version: number): void {
    this.#seen = Math.max(this.#seen, version);
  }

  /** One change after the other until the storm is over; every second one on condition of the newest version that was seen. */
  async write(door: StormDoor, writer: string): Promise<void> {
    for (let n = 0; !this.isOver; n++) {
      await pause(this.#random() * thinkMs);
      const change = this.#make(door, `${writer}.${n}`, n % 2 === 1 ? this.#seen : undefined);
      const outcome = await door.say(change);
      this.#note(door, writer, change, outcome);
      if (outcome.kind === "unknown" || outcome.kind === "not sent") await pause(retryMs);
    }
  }

  /** Sets, changes and deletes, at the top and below it, and clears whole sections now and then; each says something that no other says. */
  #make({ byDevice }: StormDoor, token: string, expected: number | undefined): StormChange {
    const [place, what] = [Math.floor(this.#random() * 8), this.#random()];
    const value = what < 0.2 ? null : what < 0.4 ? [place, { list: token }] : { by: token, deep: what < 0.6 ? { x: null } : { x: what } };
    const desired: JsonObject = { [`d${place}`]: value, last: token };
    const reported = !byDevice || this.#random() < 0.3 ? undefined : this.#random() < 0.1 ? null : { [`r${place}`]: value, last: token };
    // A section that is cleared says nothing of who did it, so the other one does.
    const both = reported === null || this.#random() < 0.5;
    return {
      token,
      ...(reported === undefined || both ? { desired } : {}),
      ...(reported === undefined ? {} : { reported }),
      ...(expected === undefined ? {} : { expected }),
    };
  }

  #note({ name }: StormDoor, writer: string, { token: _token, expected, ...says }: StormChange, outcome: StormOutcome): void {
    const counts = this.outcomes.get(name) ?? { accepted: 0, conflict: 0, "not sent": 0, unknown: 0 };
    this.outcomes.set(name, counts);
    counts[outcome.kind]++;
    const isRefused = outcome.kind === "conflict" || outcome.kind === "not sent";
    this.tries.push({ writer, ...says, ...(isRefused ? { isRefused } : {}) });
    if (outcome.kind === "accepted" || outcome.kind === "conflict") this.see(outcome.version);
    if (outcome.kind !== "accepted") return;
    this.successes.push({ writer, version: outcome.version, ...says, ...(expected === undefined ? {} : { expected }) });
  }
}

export async function runShadowStorm({ platform, device, writers, random, victims, quietMs }: StormOptions): Promise<StormResult> {
  const storm = new Storm(random);
  const doors = openDoors(device);
  const heard: number[] = [];
  const listener = new StormConnection({
    device,
    clientId: "storm-listener",
    filters: [`/sys/${device.productKey}/${device.deviceName}/shadow/update/documents`],
    onHeard({ body }) {
      const version = Number(body["version"]);
      heard.push(version);
      storm.see(version);
    },
  });
  const accepted = (): number => storm.successes.length;
  const lull = async (what: string): Promise<void> => {
    // Each door is through again, not only the first that is.
    const before = new Map([...storm.outcomes].map(([name, counts]) => [name, counts.accepted]));
    const isThrough = ({ name }: StormDoor): boolean => (storm.outcomes.get(name)?.accepted ?? 0) > (before.get(name) ?? 0);
    try {
      await until("changes through every door", () => doors.every(isThrough), 60_000);
    } catch (error) {
      const counts = [...storm.outcomes].map(([name, outcomes]) => `${name} ${JSON.stringify(outcomes)}`);
      throw new Error(`${what} some door stayed shut: ${counts.join("; ")}`, { cause: error });
    }
    const enough = accepted() + writers;
    await until("more changes", () => accepted() > enough, 60_000);
    await pause(quietMs * (0.5 + random()));
  };
  const running = Array.from({ length: writers }, (_, i) => storm.write(doors[i % doors.length] as StormDoor, `w${i}`));
  try {
    await lull("before anything is killed");
    for (const victim of victims) {
      await platform.kill9(victim);
      await pause(random() * 500);
      await platform.restart(victim);
      await lull(`after ${victim} was killed`);
    }
  } finally {
    storm.isOver = true;
    await Promise.all(running);
    listener.stop();
    for (const door of doors) await door.stop();
  }
  const { tries, successes, outcomes } = storm;
  return { ledger: { ...(await readTruth(platform, device)), successes, tries }, outcomes, heard };
}

/** Every accepted change there is, and the document. */
async function readTruth(platform: Target, { productKey, deviceName }: TestDevice): Promise<Pick<ShadowLedger, "changes" | "document">> {
  const shadow = connectPublic(platform, "shadow");
  const address = { productKey, deviceName };
  const changes: ShadowChange[] = [];
  let pageToken = "";
  do {
    const page = await shadow.history(nobody, { ...address, pageSize: 200, pageToken });
    changes.push(...page.changes);
    pageToken = page.nextPageToken ?? "";
  } while (pageToken !== "");
  const document = await shadow.get(nobody, address);
  await shadow.stop();
  return { changes, document };
}
