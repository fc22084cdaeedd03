// A shadow service in memory for the gateway's tests: it merges, counts versions and tells devices, in as few lines as that takes.
import { isDeepStrictEqual } from "node:util";
import {
  type Caller,
  type Downlink,
  type DownlinkKind,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  PlatformError,
  type ShadowAddress,
  type ShadowMessage,
  type ShadowSnapshot,
  type ShadowUpdate,
  type ShadowView,
} from "@mooring/contracts";

interface Section {
  readonly values: JsonObject;
  readonly metadata: JsonObject;
}

interface Document {
  readonly version: number;
  readonly desired: Section;
  readonly reported: Section;
  readonly desiredVersions: Readonly<Record<string, number>>;
  readonly timestampMs: number;
}

const emptySection: Section = { values: {}, metadata: {} };
const empty: Document = { version: 0, desired: emptySection, reported: emptySection, desiredVersions: {}, timestampMs: 0 };
const bytesMax = 64 * 1024;

type Condition = "expectedVersion" | "expectedDesiredVersions" | "nextVersion";
type Change = Pick<ShadowUpdate, "desired" | "reported" | Condition | "clientToken" | "askedAs">;

export class TestShadow {
  readonly updates: ShadowUpdate[] = [];
  /** The names of the shadows that were said to be ready; "" is the classic one. */
  readonly ready: string[] = [];
  readonly waits: number[] = [];
  /** Where the follower is. */
  applied = Number.MAX_SAFE_INTEGER;
  now = 1_760_000_000_123;
  /** An update waits for this. */
  beforeUpdate: () => Promise<void> = async () => undefined;
  /** Where messages to devices go. */
  tell: (deviceId: string, downlinks: readonly Downlink[]) => Promise<unknown> = async () => undefined;
  readonly #documents = new Map<string, Document>();

  async get(caller: Caller, address: ShadowAddress): Promise<ShadowView> {
    return viewOf(this.#load(caller, address));
  }

  async update(caller: Caller, update: ShadowUpdate): Promise<ShadowView> {
    await this.beforeUpdate();
    const { desired, reported } = update;
    const next = this.#change(caller, update, update);
    this.updates.push(update);
    const said = {
      ...(desired === undefined ? {} : { desired }),
      ...(reported === undefined ? {} : { reported }),
    };
    const metadata = {
      ...(isJsonObject(desired) ? { desired: mirror(next.after.desired.metadata, desired) } : {}),
      ...(isJsonObject(reported) ? { reported: mirror(next.after.reported.metadata, reported) } : {}),
    };
    await this.#announce(caller, update, next, ["shadowAccepted", { state: said, metadata }]);
    return viewOf(next.after);
  }

  async delete(caller: Caller, request: ShadowAddress & Pick<Change, "expectedVersion" | "clientToken" | "askedAs">): Promise<ShadowView> {
    const next = this.#change(caller, request, { ...request, desired: null, reported: null });
    await this.#announce(caller, request, next, ["shadowDeleted", {}]);
    return viewOf(next.after);
  }

  async listNames(caller: Caller, { productKey, deviceName }: ShadowAddress): Promise<{ names: readonly string[] }> {
    const prefix = `${keyOf(caller, { productKey, deviceName })}`;
    const names = [...this.#documents.keys()].filter((key) => key.startsWith(prefix) && key !== prefix);
    return { names: names.map((key) => key.slice(prefix.length)).sort() };
  }

  async deviceReady(caller: Caller, address: ShadowAddress): Promise<Record<never, never>> {
    this.ready.push(address.shadowName ?? "");
    const delta = deltaMessage(this.#load(caller, address));
    if (delta !== undefined) await this.tell(caller.device?.deviceId ?? "", [downlinkOf("shadowDelta", address, delta)]);
    return {};
  }

  /** Why no report fits; undefined when all do. */
  unfit: string | undefined;

  async waitApplied(_caller: Caller, { offset, messageIds = [] }: { readonly offset: number; readonly messageIds?: readonly string[] }) {
    this.waits.push(offset);
    const { unfit: reason } = this;
    const refused = reason === undefined ? [] : messageIds.map((messageId) => ({ messageId, code: "payloadTooLarge" as const, reason }));
    return { offset: this.applied, refused };
  }

  #load(caller: Caller, address: ShadowAddress): Document {
    return this.#documents.get(keyOf(caller, address)) ?? empty;
  }

  #change(caller: Caller, address: ShadowAddress, change: Change): { readonly before: Document; readonly after: Document } {
    const before = this.#load(caller, address);
    assertExpected(before, change);
    const version = change.nextVersion ?? before.version + 1;
    const desired = patch(before.desired, change.desired, this.now);
    const reported = patch(before.reported, change.reported, this.now);
    if (Buffer.byteLength(JSON.stringify(desired.values) + JSON.stringify(reported.values)) > bytesMax) {
      throw new PlatformError("payloadTooLarge", "the shadow would be too large");
    }
    const touched = isJsonObject(change.desired) ? Object.keys(change.desired) : [];
    const desiredVersions = Object.fromEntries(
      Object.keys(desired.values).map((name) => [name, touched.includes(name) ? version : (before.desiredVersions[name] ?? version)]),
    );
    const after = { version, desired, reported, desiredVersions, timestampMs: this.now };
    this.#documents.set(keyOf(caller, address), after);
    return { before, after };
  }

  async #announce(
    caller: Caller,
    address: ShadowAddress & Pick<Change, "clientToken" | "askedAs">,
    { before, after }: { readonly before: Document; readonly after: Document },
    [kind, said]: readonly [DownlinkKind, Partial<ShadowMessage>],
  ): Promise<void> {
    const more = { timestamp: after.timestampMs, ...(address.clientToken === undefined ? {} : { clientToken: address.clientToken }) };
    const delta = deltaMessage(after);
    const documents = { previous: snapshotOf(before), current: snapshotOf(after), version: after.version };
    await this.tell(caller.device?.deviceId ?? "", [
      {
        ...downlinkOf(kind, address, { ...said, version: after.version, ...more }),
        ...(address.askedAs === undefined ? {} : { askedAs: address.askedAs }),
      },
      downlinkOf("shadowDocuments", address, { ...documents, ...more }),
      ...(delta === undefined ? [] : [downlinkOf("shadowDelta", address, { ...delta, ...more })]),
    ]);
  }
}

function keyOf(caller: Caller, { shadowName = "" }: ShadowAddress): string {
  return `${caller.device?.deviceId}/${shadowName}`;
}

function downlinkOf(kind: DownlinkKind, { shadowName }: ShadowAddress, message: ShadowMessage): Downlink {
  const { version } = message;
  return { kind, payload: Buffer.from(JSON.stringify(message)), version, ...(shadowName === undefined ? {} : { shadowName }) };
}

function assertExpected(document: Document, change: Change): void {
  const { version, desiredVersions } = document;
  const { expectedVersion, expectedDesiredVersions = {}, nextVersion } = change;
  const isStale =
    (expectedVersion !== undefined && expectedVersion !== version) ||
    (nextVersion !== undefined && nextVersion <= version) ||
    Object.entries(expectedDesiredVersions).some(([name, expected]) => desiredVersions[name] !== expected);
  if (!isStale) return;
  const current = viewOf(document) as unknown as JsonObject;
  throw new PlatformError("versionConflict", `the shadow is at version ${version}, not ${expectedVersion ?? nextVersion}`, { current });
}

/** RFC 7396 §2, with the time of each leaf. */
function patch(section: Section, change: JsonValue | undefined, now: number): Section {
  if (change === undefined) return section;
  if (!isJsonObject(change)) return emptySection;
  const values: Record<string, JsonValue> = { ...section.values };
  const metadata: Record<string, JsonValue> = { ...section.metadata };
  for (const [name, value] of Object.entries(change)) {
    if (hasNullInArray(value)) throw new PlatformError("invalidArgument", "an array holds null");
    if (value === null) {
      delete values[name];
      delete metadata[name];
    } else if (isJsonObject(value)) {
      const there = Object.hasOwn(values, name) ? values[name] : undefined;
      const below = patch(isJsonObject(there) ? { values: there, metadata: metadata[name] as JsonObject } : emptySection, value, now);
      values[name] = below.values;
      metadata[name] = below.metadata;
    } else {
      values[name] = value;
      metadata[name] = { timestamp: now };
    }
  }
  return { values, metadata };
}

function hasNullInArray(value: JsonValue): boolean {
  return Array.isArray(value) && value.some((item: JsonValue) => item === null || hasNullInArray(item));
}

function mirror(metadata: JsonObject, part: JsonObject): JsonObject {
  const entries = Object.keys(part).flatMap((name) => {
    const [there, below] = [metadata[name], part[name]];
    if (there === undefined) return [];
    return [[name, isJsonObject(below) && isJsonObject(there) ? mirror(there, below) : there] as const];
  });
  return Object.fromEntries(entries);
}

function deltaOf(desired: JsonObject, reported: JsonObject): JsonObject {
  const delta: Record<string, JsonValue> = {};
  for (const [name, wanted] of Object.entries(desired)) {
    const there = Object.hasOwn(reported, name) ? reported[name] : undefined;
    if (isJsonObject(wanted) && isJsonObject(there)) {
      const below = deltaOf(wanted, there);
      if (Object.keys(below).length > 0) delta[name] = below;
    } else if (!isDeepStrictEqual(wanted, there)) delta[name] = wanted;
  }
  return delta;
}

function deltaMessage({ desired, reported, version, timestampMs }: Document): ShadowMessage | undefined {
  const state = deltaOf(desired.values, reported.values);
  return Object.keys(state).length === 0
    ? undefined
    : { state, metadata: mirror(desired.metadata, state), version, timestamp: timestampMs };
}

function snapshotOf({ desired, reported, version }: Document): ShadowSnapshot {
  return {
    state: { desired: desired.values, reported: reported.values },
    metadata: { desired: desired.metadata, reported: reported.metadata },
    version,
  };
}

function viewOf({ version, desired, reported, desiredVersions, timestampMs }: Document): ShadowView {
  return {
    version,
    desired: desired.values,
    reported: reported.values,
    delta: deltaOf(desired.values, reported.values),
    metadata: { desired: desired.metadata, reported: reported.metadata },
    desiredVersions,
    timestampMs,
  };
}
