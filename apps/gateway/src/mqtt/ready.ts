// A device that subscribes to deltas is sent the open ones: nothing was queued for it while it was away.
import {
  type Caller,
  type DeviceRef,
  formatTopic,
  type ShadowApi,
  shadowNamePattern,
  type TopicDialect,
  toPlatformError,
} from "@mooring/contracts";
import type { Log } from "@mooring/kit";
import { filterMatches } from "@mooring/mqtt";
import type { Models } from "../route/models.ts";
import { wholeThing } from "../route/thing-name.ts";

/** The connection that listens. */
export interface Listener {
  readonly device: DeviceRef;
  readonly caller: Caller;
}

export interface ReadyDeps {
  readonly shadow: Pick<ShadowApi, "deviceReady" | "listNames">;
  readonly models: Pick<Models, "get">;
  readonly log: Log;
}

const dialects: readonly TopicDialect[] = ["native", "aws"];
/** A name no shadow has, in place of any. */
const anyName = "\u{1}";
/** The pages of names that are asked for; a device has 50 shadows at most. */
const pagesMax = 4;

/** Tells the shadow service which deltas the device listens to from now on. Never throws: the device learns of its delta at the next change. */
export function createReady({ shadow, models, log }: ReadyDeps): (session: Listener, filters: readonly string[]) => void {
  const listNames = async ({ caller, device }: Listener): Promise<readonly string[]> => {
    const { productKey, deviceName } = device;
    const names: string[] = [];
    let pageToken: string | undefined;
    for (let page = 0; page < pagesMax; page++) {
      const answer = await shadow.listNames(caller, { productKey, deviceName, ...(pageToken === undefined ? {} : { pageToken }) });
      names.push(...answer.names);
      pageToken = answer.nextPageToken;
      if (pageToken === undefined) break;
    }
    return names;
  };

  const tell = async (session: Listener, heard: HeardShadows): Promise<void> => {
    const { productKey, deviceName } = session.device;
    if (!(await models.get(productKey)).pushesDelta) return;
    if (heard.isClassic) await shadow.deviceReady(session.caller, { productKey, deviceName });
    const names = new Set(heard.names);
    if (heard.isAnyNamed) {
      for (const name of await listNames(session)) if (hearsDelta(session.device, heard.filters, name)) names.add(name);
    }
    for (const shadowName of names) await shadow.deviceReady(session.caller, { productKey, deviceName, shadowName });
  };

  return (session, filters) => {
    const { device } = session;
    const heard = heardShadows(
      device,
      filters.map((filter) => wholeThing(device, filter)),
    );
    if (!heard.isClassic && !heard.isAnyNamed && heard.names.length === 0) return;
    tell(session, heard).catch((thrown: unknown) => {
      const error = toPlatformError(thrown);
      log.warn({ err: error, deviceId: session.device.deviceId }, "the shadow could not be told that a device is ready");
    });
  };
}

export interface HeardShadows {
  readonly filters: readonly string[];
  readonly isClassic: boolean;
  /** Named shadows whose names the filters say. */
  readonly names: readonly string[];
  /** Some filter leaves the name open. */
  readonly isAnyNamed: boolean;
}

/** Whose deltas these filters cover. */
export function heardShadows(device: DeviceRef, filters: readonly string[]): HeardShadows {
  const propertySet = formatTopic("propertySet", device);
  const names = new Set<string>();
  for (const filter of filters) {
    const name = namedIn(device, filter);
    if (name !== undefined && hearsDelta(device, [filter], name)) names.add(name);
  }
  return {
    filters,
    isClassic: hearsDelta(device, filters, "") || filters.some((filter) => filterMatches(filter, propertySet)),
    names: [...names],
    isAnyNamed: hearsDelta(device, filters, anyName),
  };
}

function hearsDelta(device: DeviceRef, filters: readonly string[], name: string): boolean {
  return dialects.some((dialect) => {
    const topic = formatTopic("shadowDelta", device, name, dialect);
    return filters.some((filter) => filterMatches(filter, topic));
  });
}

/** The shadow's name that a filter says literally. */
function namedIn(device: DeviceRef, filter: string): string | undefined {
  for (const dialect of dialects) {
    const [head = ""] = formatTopic("shadowDelta", device, anyName, dialect).split(anyName);
    if (!filter.startsWith(head)) continue;
    const [name = ""] = filter.slice(head.length).split("/");
    return shadowNamePattern.test(name) ? name : undefined;
  }
  return undefined;
}
