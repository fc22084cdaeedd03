import {
  assertMay,
  type Caller,
  type DeviceAddress,
  invalidField,
  PlatformError,
  type ShadowAddress,
  type ShadowApi,
  type ShadowUpdate,
  serviceCaller,
  shadowNamePattern,
  uuidPattern,
} from "@mooring/contracts";
import { type Clock, type Log, pause } from "@mooring/kit";
import type { ModelDirectory, ProductModel } from "@mooring/thing-model";
import { Applied } from "./applied.ts";
import type { Change, Conditions } from "./change.ts";
import { viewOf } from "./document.ts";
import { parseEdit, type ShadowPatch } from "./edit.ts";
import { GroupCommit } from "./group-commit.ts";
import { Lanes } from "./lanes.ts";
import { fitModel, type ModelFit } from "./model-fit.ts";
import { toChangeView } from "./past.ts";
import type { DeviceDirectory, Gateways, ShadowHistory, ShadowKey, ShadowStore } from "./ports.ts";
import { assertPoint, readPast } from "./read-past.ts";
import type { ReportRelay } from "./report-relay.ts";
import { assertToken, cutPage, nameChange, parseAskedAs, parseConditions, parseName, parsePage, parsePatch } from "./request.ts";
import { createSharedLookup } from "./share.ts";

export interface ShadowDeps {
  readonly store: ShadowStore;
  readonly history: ShadowHistory;
  readonly devices: DeviceDirectory;
  readonly models: ModelDirectory;
  readonly gateways: Gateways;
  /** Brings what devices say here of their properties into the log. */
  readonly relay: Pick<ReportRelay, "logged" | "assertRoom">;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ShadowService extends ShadowApi {
  /** How far the log is applied: the follower of this process tells it. */
  readonly applied: Applied;
  readonly commits: GroupCommit;
  readonly lanes: Lanes;
}

/** A device's change is answered once its messages are with its gateways, or after this. */
const toldMsMax = 2_000;
const waitAppliedMsMax = 30_000;
const waitedIdsMax = 5_000;

export function createShadowService(deps: ShadowDeps): ShadowService {
  const applied = new Applied(() => deps.store.cursor());
  const lanes = new Lanes(deps);
  const commits = new GroupCommit({
    store: deps.store,
    announce: (change, accepted, logged) => lanes.announce(change, accepted, logged),
    logged: (reportId) => deps.relay.logged(reportId),
  });
  const resolve = createResolve(deps.devices);
  const modelOf = createModelLookup(deps.models);

  /** On disk when it resolves, and in the log what it reports. Whether the device hears of it at once is another matter and may not fail the caller. */
  async function commit(change: Change) {
    const committed = await commits.change(change);
    await committed.logged;
    const { after, told } = "repeats" in committed ? await again(change, committed.repeats) : committed;
    if (told !== undefined) await within(toldMsMax, told);
    return viewOf(after);
  }

  /** What the change was answered the first time; where that is not kept any more, the document as it is. */
  async function again(change: Change, version: number) {
    const after = await readPast(deps, change.key, { version }).catch((error: unknown) => {
      if (error instanceof PlatformError && error.code === "notFound") return deps.store.load(change.key);
      throw error;
    });
    return { after, told: lanes.announceAgain(change, after) };
  }

  /** The patch of a classic shadow, checked against the thing model. Named shadows are free JSON. */
  async function fitPatch(caller: Caller, productKey: string, patch: ShadowPatch): Promise<ModelFit> {
    return fitModel(await modelOf(caller, productKey), patch);
  }

  return {
    applied,
    commits,
    lanes,

    async get(caller, request) {
      assertMay(caller, "shadow.get");
      return viewOf(await deps.store.load(await resolve(caller, request)));
    },

    async update(caller, request) {
      assertMay(caller, "shadow.update");
      const patch = parsePatch(caller, request);
      if (patch.reported !== undefined) deps.relay.assertRoom();
      const said = { kind: "update", edit: parseEdit(patch), givenId: nameChange(caller, request, "update", patch) } as const;
      const change = { ...parseChange(caller, request), ...said };
      // Both are asked for at the same time; of two reasons to refuse, that there is no such device comes first.
      const isClassic = parseName(request) === "";
      const fitting: Promise<ModelFit> = isClassic ? fitPatch(caller, request.productKey, patch) : Promise.resolve({ patch });
      const [key, { patch: meant, ...found }] = await firstReason(resolve(caller, request), fitting);
      const told = caller.device === undefined ? undefined : { device: caller.device, ...found };
      return commit({ ...change, key, said: told, ...(meant === patch ? {} : { edit: parseEdit(meant) }) });
    },

    async delete(caller, request) {
      assertMay(caller, "shadow.delete");
      const patch = { desired: null, reported: null };
      const said = { kind: "delete", edit: parseEdit(patch), givenId: nameChange(caller, request, "delete", patch) } as const;
      const change = { ...parseChange(caller, request), ...said };
      return commit({ ...change, key: await resolve(caller, request) });
    },

    async listNames(caller, request) {
      assertMay(caller, "shadow.listNames");
      const page = parsePage(request, shadowNamePattern);
      const key = await resolve(caller, { productKey: request.productKey, deviceName: request.deviceName });
      const { items, ...next } = cutPage(await deps.store.listNames(key, page.after ?? "", page.limit), page, (name) => name);
      return { names: items, ...next };
    },

    async history(caller, request) {
      assertMay(caller, "shadow.history");
      const page = parsePage(request, /^\d{1,16}$/);
      const key = await resolve(caller, request);
      const rows = await deps.history.list(key, page.after === undefined ? undefined : Number(page.after), page.limit);
      const { items, ...next } = cutPage(rows, page, ({ version }) => String(version));
      return { changes: items.map(toChangeView), ...next };
    },

    async getAt(caller, request) {
      assertMay(caller, "shadow.getAt");
      assertPoint(request);
      return viewOf(await readPast(deps, await resolve(caller, request), request));
    },

    async deviceReady(caller, request) {
      assertMay(caller, "shadow.deviceReady");
      await lanes.ready(await resolve(caller, request));
      return {};
    },

    async waitApplied(caller, { offset, timeoutMs, messageIds = [] }) {
      assertMay(caller, "shadow.waitApplied");
      if (!(Number.isSafeInteger(offset) && offset >= 0)) throw invalidField("/offset", "must be a whole number from 0");
      if (!(Number.isInteger(timeoutMs) && timeoutMs >= 0 && timeoutMs <= waitAppliedMsMax)) {
        throw invalidField("/timeoutMs", `must be a whole number from 0 to ${waitAppliedMsMax}`);
      }
      if (messageIds.length > waitedIdsMax) throw invalidField("/messageIds", `must be at most ${waitedIdsMax}`);
      if (!messageIds.every((id) => uuidPattern.test(id))) throw invalidField("/messageIds", "must be ids of messages");
      const reached = await applied.wait(offset, timeoutMs);
      return messageIds.length === 0 ? { offset: reached } : { offset: reached, refused: await deps.store.refused(messageIds) };
    },
  };
}

function parseChange(caller: Caller, request: Pick<ShadowUpdate, "clientToken" | keyof Conditions | "receivedAtMs" | "askedAs">) {
  const { clientToken, receivedAtMs: directAtMs } = request;
  assertToken(clientToken);
  const conditions = parseConditions(caller, request);
  const byDevice = caller.role === "device";
  const askedAs = byDevice ? parseAskedAs(request) : undefined;
  return { principal: caller.principal, byDevice, askedAs, directAtMs, clientToken, conditions };
}

/** Both outcomes. When both fail, why the first did. */
async function firstReason<A, B>(first: Promise<A>, second: Promise<B>): Promise<readonly [A, B]> {
  const [a, b] = await Promise.allSettled([first, second]);
  if (a.status === "rejected") throw a.reason;
  if (b.status === "rejected") throw b.reason;
  return [a.value, b.value];
}

async function within(ms: number, promise: Promise<void>): Promise<void> {
  const done = new AbortController();
  await Promise.race([promise, pause(ms, done.signal)]);
  done.abort();
}

type Resolve = (caller: Caller, address: ShadowAddress) => Promise<ShadowKey>;

/** A device may only name itself; whoever else names a device must be able to see it. */
function createResolve(devices: DeviceDirectory): Resolve {
  const share = createSharedLookup<{ readonly tenantId: string; readonly deviceId: string }>();
  return async (caller, address) => {
    const { productKey, deviceName } = address;
    const name = parseName(address);
    const own = caller.role === "device" ? caller.device : undefined;
    if (caller.role !== "device") {
      const look = (): ReturnType<DeviceDirectory["getDevice"]> => devices.getDevice(caller, { productKey, deviceName });
      const { tenantId, deviceId } = await share(lookupKey(caller, { productKey, deviceName }), look);
      return { tenantId, deviceId, name };
    }
    if (own === undefined || own.productKey !== productKey || own.deviceName !== deviceName) {
      throw new PlatformError("notFound", `there is no device ${productKey}/${deviceName}`);
    }
    return { tenantId: own.tenantId, deviceId: own.deviceId, name };
  };
}

/** Only those who may see the same things share what they see. */
function lookupKey({ tenantId, role }: Caller, { productKey, deviceName }: Partial<DeviceAddress>): string {
  return JSON.stringify([tenantId, role, productKey, deviceName]);
}

type ModelLookup = (caller: Caller, productKey: string) => Promise<ProductModel>;

function createModelLookup(models: ModelDirectory): ModelLookup {
  const share = createSharedLookup<ProductModel>();
  // Devices may not read products; their own product's model is looked up by the service for them.
  const self = serviceCaller("shadow");
  return (caller, productKey) => {
    const asking = caller.role === "device" ? self : caller;
    return share(lookupKey(asking, { productKey }), () => models.forProduct(asking, productKey));
  };
}
