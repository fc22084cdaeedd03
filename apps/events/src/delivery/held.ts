import type { TenantId } from "@mooring/contracts";
import type { Entry } from "./entry.ts";
import type { Group } from "./group.ts";
import { attemptsKeptMax } from "./limits.ts";
import type { OwnedState, Progress, StoredSubscription } from "./ports.ts";

/** A group, and how its subscription stands in the database. */
export interface HeldGroup {
  readonly group: Group;
  readonly tenantId: TenantId;
  readonly name: string;
  epoch: number;
  revision: number;
  /** As last written. */
  cursor: number;
  writtenAtMs: number;
  renewedAtMs: number;
  /** Records lost, not written yet. */
  lost: number;
  /** Replays may be waiting in the database, after this offset. */
  replaysAfter: number | undefined;
  /** Some of those looked at could not be taken up yet. */
  areReplaysLeft: boolean;
  replaysLookAtMs: number;
  fullSinceMs: number | undefined;
  /** Its dead letters and replays are being seen to. */
  tending: Promise<void> | undefined;
}

export function keyOf(tenantId: string, name: string): string {
  return `${tenantId}/${name}`;
}

/** What is to be written of it. The loss is taken out: give it back when writing fails. */
export function takeState(held: HeldGroup, position: number, buried?: ReadonlySet<Entry>): OwnedState {
  const { group, tenantId, name, epoch, lost } = held;
  held.lost = 0;
  group.hasNews = false;
  return { tenantId, name, epoch, lost, cursor: group.window.cursor(position, buried), progress: progressOf(group) };
}

function progressOf(group: Group): Progress {
  const attempts: Record<string, readonly [number, number]> = {};
  let count = 0;
  for (const entry of group.endings.failed) {
    if (++count > attemptsKeptMax) break;
    attempts[entry.offset] = [entry.failures, entry.deaths];
  }
  const { members, endpoint } = group;
  return {
    members: members.size,
    inFlight: group.inFlight(),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(count === 0 ? {} : { attempts }),
  };
}

export function attemptsOf({ progress }: StoredSubscription): ReadonlyMap<number, readonly [number, number]> {
  return new Map(Object.entries(progress.attempts ?? {}).map(([offset, counts]) => [Number(offset), counts]));
}
