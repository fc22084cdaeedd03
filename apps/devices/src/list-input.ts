import { invalidField, type RevocationListMode } from "@mooring/contracts";

const modes = ["auto", "off", "soft", "required"] as const satisfies readonly RevocationListMode[];
const urlLengthMax = 2_048;

export function parseListMode(mode: string): RevocationListMode {
  const known = modes.find((candidate) => candidate === mode);
  if (known === undefined) throw invalidField("/crlMode", `must be one of ${modes.join(", ")}`);
  return known;
}

/** Whether it may be reached is found out when it is fetched: what a name means changes. */
export function parseListUrl(url: string): string {
  const parsed = typeof url === "string" && url.length <= urlLengthMax && URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) throw invalidField("/crlUrl", "must be a http or https URL");
  if (parsed.username !== "" || parsed.password !== "" || parsed.hash !== "")
    throw invalidField("/crlUrl", "must have no user name, no password and no fragment");
  return parsed.href;
}
