import type { JsonObject } from "@mooring/contracts";
import type { FieldError } from "./explain.ts";
import type { DataSchema } from "./schema.ts";

interface ModelEntry {
  /** Name on the wire; see the README for how it follows from the document. */
  readonly name: string;
  /** JSON pointer into the SDF document. */
  readonly pointer: string;
  readonly label?: string;
  readonly description?: string;
  /** Named by an sdfRequired: a device without it does not conform. It does not have to be in every report. */
  readonly required: boolean;
}

export interface PropertyModel extends ModelEntry {
  readonly schema: DataSchema;
  readonly readable: boolean;
  /** Whether it may be desired or set. Reporting is always allowed. */
  readonly writable: boolean;
  readonly observable: boolean;
  /** Unit name as of RFC 8428 s12.1, or a URI. */
  readonly unit?: string;
}

export interface EventModel extends ModelEntry {
  readonly output?: DataSchema;
}

/** A sdfAction: Alink and this platform say service. */
export interface ServiceModel extends ModelEntry {
  readonly input?: DataSchema;
  readonly output?: DataSchema;
}

/** A property report with its wrapping taken off. */
export interface PropertyReport {
  readonly values: JsonObject;
  /** Device times in integer milliseconds since 1970, for the properties that came with one. */
  readonly timesMs: Readonly<Record<string, number>>;
}

/**
 * A model ready for use. Frozen, without references to the document it came from, safe to share between requests.
 *
 * The validators return an empty array for what the model allows, else up to 50 errors; they never throw, whatever JSON they are given,
 * and their time is linear in the payload. A name the model does not have is an error, and so is a member of an object whose
 * `properties` do not list it.
 */
export interface CompiledModel {
  /** SHA-256 (64 hexadecimal digits) over the data below: equal for documents that mean the same, different otherwise. */
  readonly contentHash: string;
  /** Characters of the data below as JSON: what the model takes in memory grows with it, to some six times as many bytes. */
  readonly size: number;
  readonly properties: readonly PropertyModel[];
  readonly events: readonly EventModel[];
  readonly services: readonly ServiceModel[];
  /**
   * Checks the params of a property report: for each property its value, or `{"value": …, "time": …}` with the time in milliseconds
   * since 1970. Which of the two is meant follows from the model alone: a property that may itself be an object with a member `value`
   * (because it declares one, or leaves its members or its type open) is always taken plainly and cannot be wrapped.
   */
  validateProperties(params: unknown): readonly FieldError[];
  /** Values and times of a report that `validateProperties` has found without errors. */
  unwrapProperties(params: JsonObject): PropertyReport;
  /** Checks an event's data; an event without output data takes nothing, null or `{}`. */
  validateEvent(name: string, value: unknown): readonly FieldError[];
  validateServiceInput(name: string, data: unknown): readonly FieldError[];
  validateServiceOutput(name: string, data: unknown): readonly FieldError[];
  /**
   * Checks a merge patch of the desired state: writable properties only; objects may be given in part; null deletes. A deletion is
   * accepted for any name, since what a newer model no longer has must still be removable.
   */
  validateDesired(patch: unknown): readonly FieldError[];
}

/** A property, event or service as plain data; what is hashed. */
export interface ModelData {
  readonly properties: readonly PropertyModel[];
  readonly events: readonly EventModel[];
  readonly services: readonly ServiceModel[];
}
