// Direct changes of many callers, gathered:
//
//   changes -> [ queue ] -> one transaction at a time takes all that wait -> announced in the order of versions -> answers
//
// While one transaction is being committed the next group gathers by itself, so no timer is needed: alone, a change waits for nothing.
import { PlatformError } from "@mooring/contracts";
import type { Accepted, Change } from "./change.ts";
import type { Outcome, Repeated, ShadowStore } from "./ports.ts";

/** Changes in one transaction: more makes those wait that share no document with them, and gains little. */
const groupChangesMax = 500;
/** Of patches as JSON, in one transaction. */
const groupBytesMax = 4 * 1024 * 1024;
const waitingChangesMax = 10_000;
const waitingBytesMax = 64 * 1024 * 1024;

/** A change that is on disk, and when the device was told; undefined when nobody waits for that. */
export interface Committed extends Accepted {
  readonly told: Promise<void> | undefined;
  /** When the log has what it reports; undefined when it reports nothing. Never rejects. */
  readonly logged: Promise<void> | undefined;
}

/** A change that was on disk already. */
export interface CommittedBefore extends Repeated {
  readonly logged: Promise<void> | undefined;
}

interface Waiting {
  readonly change: Change;
  readonly resolve: (committed: Committed | CommittedBefore) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupCommitDeps {
  readonly store: Pick<ShadowStore, "apply">;
  /** Called for each change once it is on disk, for one shadow in the order of versions. */
  readonly announce: (change: Change, accepted: Accepted, logged: Promise<void> | undefined) => Promise<void> | undefined;
  /** When the log has a report that is on disk. */
  readonly logged: (reportId: string) => Promise<void>;
}

export class GroupCommit {
  readonly #deps: GroupCommitDeps;
  #queue: Waiting[] = [];
  #waitingBytes = 0;
  #running = false;
  committedChanges = 0;
  committedGroups = 0;

  constructor(deps: GroupCommitDeps) {
    this.#deps = deps;
  }

  get waitingChanges(): number {
    return this.#queue.length;
  }

  /** Resolves once the change is on disk. Rejects with why it was refused, or `unavailable` when too many wait. */
  change(change: Change): Promise<Committed | CommittedBefore> {
    if (this.#queue.length >= waitingChangesMax || this.#waitingBytes + change.edit.bytes > waitingBytesMax) {
      return Promise.reject(
        new PlatformError("unavailable", `${this.#queue.length} changes of shadows wait to be stored; try again later`),
      );
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ change, resolve, reject });
      this.#waitingBytes += change.edit.bytes;
      if (!this.#running) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#queue.length > 0) await this.#commit(this.#takeGroup());
    this.#running = false;
  }

  #takeGroup(): Waiting[] {
    let count = 0;
    let bytes = 0;
    while (count < this.#queue.length && count < groupChangesMax) {
      const next = this.#queue[count]?.change.edit.bytes ?? 0;
      if (count > 0 && bytes + next > groupBytesMax) break;
      bytes += next;
      count++;
    }
    const group = this.#queue.slice(0, count);
    this.#queue = this.#queue.slice(count);
    this.#waitingBytes -= bytes;
    return group;
  }

  async #commit(group: readonly Waiting[]): Promise<void> {
    let outcomes: readonly Outcome[];
    try {
      outcomes = await this.#deps.store.apply(group.map(({ change }) => change));
    } catch (error) {
      // Postgres refused something for what it is: find out whose it was, so that the others do not suffer.
      if (isDataError(error) && group.length > 1) for (const waiting of group) await this.#commit([waiting]);
      else for (const waiting of group) waiting.reject(error);
      return;
    }
    this.committedGroups++;
    for (let i = 0; i < group.length; i++) this.#answer(group[i] as Waiting, outcomes[i] as Outcome);
  }

  #answer({ change, resolve, reject }: Waiting, outcome: Outcome): void {
    if ("refused" in outcome) return reject(outcome.refused);
    const logged = outcome.reportId === undefined ? undefined : this.#deps.logged(outcome.reportId);
    if ("repeats" in outcome) return resolve({ ...outcome, logged });
    this.committedChanges++;
    resolve({ ...outcome, logged, told: this.#deps.announce(change, outcome, logged) });
  }
}

/** SQLSTATE classes 22 (data exception), 23 (integrity): the same data will be refused again. */
function isDataError(error: unknown): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && /^2[23]/.test(error.code);
}
