import { deviceNamePattern, pageSizeMax, productKeyPattern, recordKinds, shadowNamePattern, uuidPattern } from "@mooring/contracts";
import { z } from "zod";

/** Schemas more than one resource uses. Unknown fields are refused everywhere, strings are not taken for numbers. */

// C0 and C1 control characters: they break logs and terminals, and Postgres takes no U+0000.
const withoutControls = /^[^\p{Cc}]*$/u;

/** A name for people. */
export const displayName = z
  .string()
  .max(100, "must have at most 100 characters")
  .regex(/\S/, "must not be empty")
  .regex(withoutControls, "must not hold control characters");

export const productKey = z.string().regex(productKeyPattern, "must be 4 to 32 letters and digits");
export const deviceName = z.string().regex(deviceNamePattern, "must be 4 to 64 letters, digits and _ . : @ -");
export const uuid = z.string().regex(uuidPattern, "must be a UUID in lower case");
export const fingerprint = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits: the SHA-256 of the certificate");
export const modelName = z.string().regex(/^[A-Za-z][A-Za-z0-9_.-]{0,63}$/, "must be 1 to 64 letters, digits and _ . -, a letter first");
export const modelVersion = z.string().regex(/^[0-9A-Za-z.+-]{1,64}$/, "must be a version such as 1.0.0");
export const modelPin = z
  .string()
  .regex(/^(?:[0-9A-Za-z.+-]{1,64}|[\^~]\d{1,9}(?:\.\d{1,9}){0,2})$/, "must be a version such as 1.0.0, or a range such as ^1")
  .describe("A version, or a range: ^1 is the newest published version of major 1, ^0.4 and ~1.4 of that minor.");
/** A name inside a thing model; which ones there are is the model's affair. */
export const affordanceName = z
  .string()
  .min(1, "must not be empty")
  .max(128, "must have at most 128 characters")
  .regex(withoutControls, "must not hold control characters");

export const shadowName = z.string().regex(shadowNamePattern, "must be 1 to 64 letters, digits and : _ -");
export const subscriptionName = z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, "must be 1 to 64 letters, digits and _ . -");
export const recordKind = z.enum(recordKinds);

/** An object of short texts under names, at most `max`. */
export function tagsOf(max: number) {
  const name = z.string().regex(/^[A-Za-z0-9_.:-]{1,64}$/, "a tag's name must be 1 to 64 letters, digits and _ . : -");
  const value = z.string().max(256, "must have at most 256 characters").regex(withoutControls, "must not hold control characters");
  return z.record(name, value).refine((tags) => Object.keys(tags).length <= max, `must hold at most ${max} tags`);
}

export const productPath = z.strictObject({ productKey });
export const devicePath = z.strictObject({ productKey, deviceName });

export const noQuery = z.strictObject({});
export const pageQuery = z.strictObject({
  pageSize: integerText(1, pageSizeMax, "How many items at most; 100 when absent.").exactOptional(),
  pageToken: z
    .string()
    .regex(/^[\x21-\x7e]{1,1000}$/, "must be the nextPageToken of the page before")
    .exactOptional(),
});

/** An integer in a query string, where everything is text. */
export function integerText(min: number, max: number, description: string) {
  return z
    .string()
    .transform((text, context) => {
      const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
      if (value >= min && value <= max) return value;
      context.addIssue({ code: "custom", message: `must be a whole number from ${min} to ${max}` });
      return z.NEVER;
    })
    .meta({ type: "integer", minimum: min, maximum: max, description });
}

/** Several values of one kind in a query string, separated by commas. */
export function listText<T extends z.ZodType<unknown, string>>(item: T, max: number, description: string) {
  return z
    .string()
    .transform((text) => text.split(","))
    .pipe(z.array(item).max(max, `must name at most ${max}`))
    .meta({ type: "string", description });
}

/** RFC 3339, any offset, as integer milliseconds. */
export const timeText = z.iso
  .datetime({ offset: true, error: "must be a time such as 2026-01-31T12:00:00Z (RFC 3339)" })
  .transform((text) => Date.parse(text));

/** In answers. */
export const time = z.string().meta({ format: "date-time", description: "RFC 3339, UTC, milliseconds." });
export const nextPageToken = z.string().optional().describe("Give it as pageToken to get the next page; absent on the last one.");

export function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** `{nextPageToken}`, or nothing on the last page. */
export function pageEnd(page: { readonly nextPageToken?: string }): { readonly nextPageToken?: string } {
  return page.nextPageToken === undefined ? {} : { nextPageToken: page.nextPageToken };
}
