import { inject } from "vitest";
import { type Api, createApi } from "./api.ts";
import type { Mode, PlatformAddress } from "./platform.ts";

/** In how many processes the platform of this run is. */
export const mode: Mode = process.env["MOORING_TEST_MODE"] === "split" ? "split" : "all-in-one";

/** The platform that the run's test files share. Tests keep to products of their own, and neither stop nor overload it. */
export async function sharedPlatform(): Promise<PlatformAddress & { readonly api: Api }> {
  const response = await fetch(inject("platformDoor"));
  const text = await response.text();
  if (!response.ok) throw new Error(`the platform did not start: ${text}`);
  const address = JSON.parse(text) as PlatformAddress;
  return { ...address, api: createApi(address.rest, address.apiKey) };
}
