import { randomInt } from "node:crypto";
import { join } from "node:path";
import type { ComposeFile, ComposeService } from "./compose-file.ts";

/** Where a service's host name and the folders of its volumes lead on this machine. */
export interface Places {
  /** The loopback address of a service that runs as a process of ours. */
  hostOf(service: string): string;
  /** `host:port` of a service's port, as another service reaches it. */
  addressOf(service: string, port: number): string;
  folderOf(volume: string): string;
}

/**
 * A loopback address for each service, `127.a.b.n` with a and b by chance: ports stay as they are in the file, and runs at the same time do not
 * meet. Linux answers for all of 127.0.0.0/8. `elsewhere` holds the `host:port` of services that are reached by another address.
 */
export function createPlaces(file: ComposeFile, volumesDir: string, elsewhere: ReadonlyMap<string, string>): Places {
  const prefix = randomLoopback();
  const hosts = new Map([...file.services.keys()].map((name, index) => [name, `${prefix}.${index + 2}`]));
  const hostOf = (service: string): string => {
    const host = hosts.get(service);
    if (host === undefined) throw new Error(`there is no service ${service}`);
    return host;
  };
  return {
    hostOf,
    addressOf: (service, port) => elsewhere.get(`${service}:${port}`) ?? `${hostOf(service)}:${port}`,
    folderOf: (volume) => join(volumesDir, volume),
  };
}

/** `127.a.b`, not the usual 127.0. */
export function randomLoopback(): string {
  return `127.${randomInt(1, 255)}.${randomInt(0, 255)}`;
}

const ownAddress = /\b(?:0\.0\.0\.0|127\.0\.0\.1):(\d+)/g;
const hostAndPort = /(?<![\w.-])([a-z][a-z0-9-]*):(\d+)(?!\d*[\w.])/g;

/**
 * A text out of a service's part of the file, with what it says about the inside of its container made true here: its own addresses, the
 * others' host names, its folders. A host it shares no network with is an error, as it would be out of reach.
 */
export function translate(text: string, service: ComposeService, file: ComposeFile, places: Places): string {
  const host = places.hostOf(service.name);
  let result = text.replace(ownAddress, (_, port: string) => `${host}:${port}`);
  result = result.replace(hostAndPort, (whole, name: string, port: string) => {
    const other = file.services.get(name);
    if (other === undefined) return whole;
    if (!other.networks.some((network) => service.networks.includes(network))) {
      throw new Error(`${service.name} names ${whole}, but shares no network with it`);
    }
    return places.addressOf(name, Number(port));
  });
  for (const { volume, target } of service.mounts) {
    if (result === target || result.startsWith(`${target}/`)) result = places.folderOf(volume) + result.slice(target.length);
  }
  return result;
}
