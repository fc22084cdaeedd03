import { isJsonObject, type JsonObject, PlatformError, type ShadowAddress, type ShadowChange, type ShadowView } from "@mooring/contracts";
import type { Services } from "./route.ts";

interface Entry {
  readonly change: ShadowChange;
  readonly view: ShadowView;
}

/** Shadows that keep desired only: one top level, no merge. `assertDevice` throws for a device that is not there. */
export function createMemoryShadow(nowMs: number, assertDevice: (address: ShadowAddress) => void): Services["shadow"] {
  const entries = new Map<string, Entry[]>();
  const answered = new Map<string, ShadowView>();
  const empty = { desired: {}, reported: {}, delta: {}, metadata: { desired: {}, reported: {} }, desiredVersions: {} };

  function entriesOf(address: ShadowAddress): Entry[] {
    assertDevice(address);
    const key = `${address.productKey}/${address.deviceName}/${address.shadowName ?? ""}`;
    const known = entries.get(key) ?? [];
    entries.set(key, known);
    return known;
  }

  function viewOf(address: ShadowAddress): ShadowView {
    return entriesOf(address).at(-1)?.view ?? { ...empty, version: 0, timestampMs: nowMs };
  }

  function accept(address: ShadowAddress, expected: number | undefined, desired: JsonObject, clientToken?: string): ShadowView {
    const before = viewOf(address);
    const version = before.version + 1;
    if (expected !== undefined && expected !== before.version) {
      const current = before as unknown as JsonObject;
      throw new PlatformError("versionConflict", `the shadow is at version ${before.version}, not ${expected}`, { current });
    }
    const names = Object.keys(desired);
    const times = Object.fromEntries(names.map((name) => [name, { timestamp: nowMs }]));
    const desiredVersions = Object.fromEntries(names.map((name) => [name, version]));
    const metadata = { desired: times, reported: {} };
    const view = { ...before, version, desired, delta: desired, metadata, desiredVersions };
    const change = { version, atMs: nowMs, principal: "key:owner", desired, ...(clientToken === undefined ? {} : { clientToken }) };
    entriesOf(address).push({ change, view });
    return view;
  }

  function once(messageId: string | undefined, change: () => ShadowView): ShadowView {
    const view = (messageId === undefined ? undefined : answered.get(messageId)) ?? change();
    if (messageId !== undefined) answered.set(messageId, view);
    return view;
  }

  return {
    get: async (_, request) => viewOf(request),
    async update(_, request) {
      const { expectedVersion, desired, clientToken, messageId } = request;
      return once(messageId, () => accept(request, expectedVersion, isJsonObject(desired) ? desired : {}, clientToken));
    },
    async delete(_, request) {
      const isMissing = request.shadowName !== undefined && viewOf(request).version === 0;
      if (isMissing) throw new PlatformError("notFound", `the device has no shadow named "${request.shadowName}"`);
      return once(request.messageId, () => accept(request, request.expectedVersion, {}, request.clientToken));
    },
    async listNames(_, { productKey, deviceName }) {
      assertDevice({ productKey, deviceName });
      const prefix = `${productKey}/${deviceName}/`;
      const named = [...entries].filter(([key, list]) => key.startsWith(prefix) && key !== prefix && list.length > 0);
      return { names: named.map(([key]) => key.slice(prefix.length)).sort() };
    },
    async history(_, request) {
      const changes = entriesOf(request).map(({ change }) => change);
      const { pageSize = 100 } = request;
      return { changes: changes.reverse().slice(0, pageSize), ...(changes.length > pageSize ? { nextPageToken: "more" } : {}) };
    },
    async getAt(_, request) {
      const found = entriesOf(request).findLast(({ change }) =>
        request.version === undefined ? change.atMs <= (request.timeMs ?? 0) : change.version === request.version,
      );
      if (found === undefined) throw new PlatformError("notFound", "the shadow was not there then, or its history is not kept any more");
      return found.view;
    },
    deviceReady: async () => ({}),
    waitApplied: async (_, { offset }) => ({ offset }),
  };
}
