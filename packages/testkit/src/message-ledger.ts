// What a ledger client knows of its own messages, and the verdict over what a platform did with them. Pure.

/** One message of one device: `sequence` grows by one per message of a device, from 1. */
export interface LedgerMessage {
  readonly device: string;
  readonly sequence: number;
}

export interface StoredMessage extends LedgerMessage {
  readonly tenant: string;
  readonly offset: number;
}

/** What came to one subscriber, in the order in which it came. */
export interface Receipts {
  readonly subscriber: string;
  readonly tenant: string;
  readonly messages: readonly LedgerMessage[];
}

export interface Evidence {
  readonly stored: readonly StoredMessage[];
  readonly receipts: readonly Receipts[];
  /** Versions of the devices' shadows at the end, and the sequence that they report. */
  readonly shadows: readonly { readonly device: string; readonly version: number; readonly sequence: number }[];
  /** Points in the history. */
  readonly history: readonly LedgerMessage[];
}

export interface Verdict {
  /** Empty when every promise was kept. At most 20 of each kind are told. */
  readonly violations: readonly string[];
  readonly intended: number;
  readonly acknowledged: number;
  readonly stored: number;
  readonly delivered: number;
  readonly redelivered: number;
}

const toldMax = 20;

/** Writes down intent before a message is sent, and acknowledgement when it comes. */
export class MessageLedger {
  readonly #tenants = new Map<string, string>();
  readonly #intended = new Map<string, number>();
  readonly #acknowledged = new Map<string, Set<number>>();

  enlist(device: string, tenant: string): void {
    this.#tenants.set(device, tenant);
    this.#intended.set(device, 0);
    this.#acknowledged.set(device, new Set());
  }

  /** The sequence of the device's next message, which is intended from now on. */
  intend(device: string): number {
    const sequence = (this.#intended.get(device) ?? 0) + 1;
    this.#intended.set(device, sequence);
    return sequence;
  }

  acknowledge({ device, sequence }: LedgerMessage): void {
    this.#acknowledged.get(device)?.add(sequence);
  }

  /** Messages acknowledged so far. */
  get acknowledged(): number {
    return sum([...this.#acknowledged.values()].map((set) => set.size));
  }

  acknowledgedOf(tenant: string): number {
    return sum([...this.#acknowledged].map(([device, set]) => (this.#tenants.get(device) === tenant ? set.size : 0)));
  }

  get intended(): number {
    return sum([...this.#intended.values()]);
  }

  /**
   * acknowledged ⊆ stored ⊆ intended; stored exactly once, in order per device; delivered at least once to each subscriber of the tenant, first
   * deliveries in order per device, nothing of another tenant's; each report applied exactly once to shadow and history.
   */
  judge(evidence: Evidence): Verdict {
    const found: string[] = [];
    const stored = this.#judgeStored(evidence.stored, found);
    const redelivered = sum(evidence.receipts.map((receipts) => this.#judgeReceipts(receipts, stored, found)));
    this.#judgeProjections(evidence, stored, found);
    return {
      violations: found,
      intended: this.intended,
      acknowledged: this.acknowledged,
      stored: evidence.stored.length,
      delivered: sum(evidence.receipts.map(({ messages }) => messages.length)),
      redelivered,
    };
  }

  /** Sequences in the order of the log, by device. */
  #judgeStored(messages: readonly StoredMessage[], found: string[]): ReadonlyMap<string, readonly number[]> {
    const tell = teller(found);
    const byDevice = new Map<string, number[]>([...this.#tenants.keys()].map((device) => [device, []]));
    for (const { device, sequence, tenant } of [...messages].sort((a, b) => a.offset - b.offset)) {
      const mine = byDevice.get(device);
      if (mine === undefined) tell("stored of a device that is none of ours", `${device} ${sequence}`);
      else if (sequence > (this.#intended.get(device) ?? 0)) tell("stored and never intended", `${device} ${sequence}`);
      if (tenant !== this.#tenants.get(device)) tell("stored under another tenant", `${device} ${sequence}`);
      const last = mine?.at(-1) ?? 0;
      if (sequence <= last) {
        if (mine?.includes(sequence)) tell("stored twice", `${device} ${sequence}`);
        else tell("stored out of order", `${device} ${sequence} after ${last}`);
      }
      mine?.push(sequence);
    }
    for (const [device, sequences] of this.#acknowledged) {
      const kept = new Set(byDevice.get(device));
      for (const sequence of sequences) if (!kept.has(sequence)) tell("acknowledged and not stored", `${device} ${sequence}`);
    }
    return byDevice;
  }

  /** Returns how many came again. */
  #judgeReceipts({ subscriber, tenant, messages }: Receipts, stored: ReadonlyMap<string, readonly number[]>, found: string[]): number {
    const tell = teller(found, subscriber);
    const seen = new Map<string, Set<number>>();
    const highest = new Map<string, number>();
    let again = 0;
    for (const { device, sequence } of messages) {
      if (this.#tenants.get(device) !== tenant) tell("delivered to another tenant", `${device} ${sequence}`);
      const mine = seen.get(device) ?? new Set();
      seen.set(device, mine);
      if (mine.has(sequence)) again += 1;
      else if (sequence < (highest.get(device) ?? 0)) tell("delivered out of order", `${device} ${sequence} after ${highest.get(device)}`);
      mine.add(sequence);
      highest.set(device, Math.max(sequence, highest.get(device) ?? 0));
    }
    for (const [device, sequences] of stored) {
      if (this.#tenants.get(device) !== tenant) continue;
      for (const sequence of sequences) if (!seen.get(device)?.has(sequence)) tell("stored and not delivered", `${device} ${sequence}`);
    }
    return again;
  }

  #judgeProjections({ shadows, history }: Evidence, stored: ReadonlyMap<string, readonly number[]>, found: string[]): void {
    const tell = teller(found);
    for (const { device, version, sequence } of shadows) {
      const sequences = stored.get(device) ?? [];
      if (version !== sequences.length)
        tell("a shadow's version is not the number of reports", `${device}: ${version}, ${sequences.length}`);
      if (sequence !== (sequences.at(-1) ?? 0))
        tell("a shadow does not hold the last report", `${device}: ${sequence}, ${sequences.at(-1)}`);
    }
    const counts = new Map<string, number>();
    for (const { device, sequence } of history) counts.set(`${device} ${sequence}`, (counts.get(`${device} ${sequence}`) ?? 0) + 1);
    for (const [device, sequences] of stored) {
      for (const sequence of sequences) {
        const count = counts.get(`${device} ${sequence}`) ?? 0;
        if (count !== 1) tell(`${count} times in the history`, `${device} ${sequence}`);
        counts.delete(`${device} ${sequence}`);
      }
    }
    for (const message of counts.keys()) tell("in the history and not in the log", message);
  }
}

/** Keeps at most `toldMax` of a kind: a broken platform breaks every message. */
function teller(found: string[], who?: string): (kind: string, what: string) => void {
  const told = new Map<string, number>();
  return (kind, what) => {
    const count = (told.get(kind) ?? 0) + 1;
    told.set(kind, count);
    if (count <= toldMax) found.push(`${who === undefined ? "" : `${who}: `}${kind}: ${what}`);
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
