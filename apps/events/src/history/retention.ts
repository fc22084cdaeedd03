import { createHash } from "node:crypto";
import { type DeviceApi, type Product, pageSizeMax, serviceCaller } from "@mooring/contracts";
import type { KeptTimes } from "./ports.ts";

export const dayMs = 86_400_000;
/** Of a product that says nothing, and of an installation without products. */
const daysDefault = 90;

/** How long the products' points are kept. */
export interface RetentionRules {
  readonly longestDays: number;
  /** The products that keep theirs less long, those of the fewest days first. */
  readonly shorter: readonly { readonly productKey: string; readonly days: number }[];
}

/** Before the first look. What is not known is no reason to leave anything out. */
export const keepEverything: RetentionRules = { longestDays: Number.POSITIVE_INFINITY, shorter: [] };

/** Asks for the options of all products of the platform. */
export async function loadRules(devices: Pick<DeviceApi, "listProductOptions">): Promise<RetentionRules> {
  const products: Pick<Product, "productKey" | "historyDays">[] = [];
  let pageToken: string | undefined;
  do {
    const request = { pageSize: pageSizeMax, ...(pageToken === undefined ? {} : { pageToken }) };
    const page = await devices.listProductOptions(serviceCaller("events"), request);
    products.push(...page.products);
    pageToken = page.nextPageToken;
  } while (pageToken !== undefined);
  return makeRules(products);
}

export function makeRules(products: readonly Pick<Product, "productKey" | "historyDays">[]): RetentionRules {
  if (products.length === 0) return { longestDays: daysDefault, shorter: [] };
  const longestDays = products.reduce((longest, { historyDays }) => Math.max(longest, historyDays), 0);
  const shorter = products
    .filter(({ historyDays }) => historyDays < longestDays)
    .map(({ productKey, historyDays }) => ({ productKey, days: historyDays }))
    .sort((a, b) => a.days - b.days || (a.productKey < b.productKey ? -1 : 1));
  return { longestDays, shorter };
}

/** What is worth keeping at a time. With `productsMax`, of the products that keep theirs less long only those of the fewest days are named. */
export function keptAt(rules: RetentionRules, nowMs: number, productsMax = Number.POSITIVE_INFINITY): KeptTimes {
  return {
    fromMs: nowMs - rules.longestDays * dayMs,
    shorter: rules.shorter.slice(0, productsMax).map(({ productKey, days }) => ({ productKey, fromMs: nowMs - days * dayMs })),
  };
}

/** The products whose points of a day are all past keeping. */
export function pastKeeping(rules: RetentionRules, startMs: number, nowMs: number): readonly string[] {
  const ageMs = nowMs - (startMs + dayMs);
  return rules.shorter.filter(({ days }) => ageMs >= days * dayMs).map(({ productKey }) => productKey);
}

/** Tells one set of products from another: a day that was swept of the very same ones need not be gone through again. */
export function markOf(productKeys: readonly string[]): string {
  return `swept ${createHash("sha256")
    .update([...productKeys].sort().join())
    .digest("hex")
    .slice(0, 32)}`;
}
