import { SettingError } from "./settings.ts";

/** Takes `host:port` apart, `[::1]:port` too. Throws SettingError. */
export function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+)):(\d{1,5})$/i.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new SettingError(`${JSON.stringify(address)} is no address of the form host:port`);
  return { host: match[1] ?? match[2] ?? "", port };
}
