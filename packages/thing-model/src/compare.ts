import { compareSchemas, type SchemaDifference } from "./compare-schemas.ts";
import { createFitness, type Fitness } from "./fitness.ts";
import { limits } from "./limits.ts";
import type { EventModel, ModelData, PropertyModel, ServiceModel } from "./model.ts";
import type { DataSchema } from "./schema.ts";

/** Seen from the device. */
export type Direction = "sent" | "received";

/** What one version of a model says otherwise than another. */
export interface ModelChange {
  /** JSON pointer into the newer document; into the older one for what is gone. */
  readonly pointer: string;
  /** Such as `property Temperature`. */
  readonly member: string;
  readonly kind: "added" | "removed" | "narrower" | "wider" | "different";
  /** Which ways the values go that the change is about; empty where it is about none. */
  readonly directions: readonly Direction[];
  /** False when whoever relied on the older version may break, so that a new major version is due. */
  readonly isCompatible: boolean;
  /** One sentence: which member, what, and why that is or is not compatible. */
  readonly message: string;
}

/**
 * How two versions of a model differ, member by member. What devices send may narrow, since whoever reads it knew worse; what they
 * receive may widen, since they are asked for nothing they did not take before. A new property, event or service is compatible; one
 * that is gone is not, since its name is refused from then on. Texts and defaults may change. Of more than `limits.changesMax` changes
 * those are left out first that are compatible.
 */
export function compareModels(before: ModelData, after: ModelData): readonly ModelChange[] {
  const fitness = createFitness();
  const changes = [
    ...compareMembers("property", before.properties, after.properties, (...sides) => compareProperty(...sides, fitness)),
    ...compareMembers("event", before.events, after.events, (...sides) => compareEvent(...sides, fitness)),
    ...compareMembers("service", before.services, after.services, (...sides) => compareService(...sides, fitness)),
  ];
  if (changes.length <= limits.changesMax) return changes;
  const breaking = changes.filter(({ isCompatible }) => !isCompatible);
  return [...breaking, ...changes.filter(({ isCompatible }) => isCompatible)].slice(0, limits.changesMax);
}

interface Member {
  readonly name: string;
  readonly pointer: string;
  readonly required: boolean;
}

type Compare<T> = (member: string, before: T, after: T) => ModelChange[];

function compareMembers<T extends Member>(kind: string, before: readonly T[], after: readonly T[], compare: Compare<T>): ModelChange[] {
  const newer = new Map(after.map((member) => [member.name, member]));
  const older = new Set(before.map((member) => member.name));
  const changes = before.flatMap((member) => {
    const title = `${kind} ${member.name}`;
    const other = newer.get(member.name);
    if (other === undefined)
      return [change(title, member.pointer, { kind: "removed", text: "is gone, and its name is refused from now on" })];
    return [...compareRequired(title, member, other), ...compare(title, member, other)];
  });
  const added = after.filter(({ name }) => !older.has(name));
  return [
    ...changes,
    ...added.map(({ name, pointer }) => change(`${kind} ${name}`, pointer, { kind: "added", text: "is new", isCompatible: true })),
  ];
}

function compareRequired(member: string, before: Member, after: Member): ModelChange[] {
  if (before.required === after.required) return [];
  const text = after.required ? "must be there now (sdfRequired)" : "need not be there any more (sdfRequired)";
  return [judge(member, { pointer: after.pointer, kind: after.required ? "narrower" : "wider", text }, ["sent"])];
}

function compareProperty(member: string, before: PropertyModel, after: PropertyModel, fitness: Fitness): ModelChange[] {
  // What may not be desired is only sent; whether it may be from now on makes no difference to who took nothing before.
  const directions: readonly Direction[] = before.writable && after.writable ? ["sent", "received"] : ["sent"];
  const changes = compareSchemas(before.schema, after.schema, after.pointer, fitness).map((difference) =>
    judge(member, difference, directions),
  );
  const flag = (name: "readable" | "writable" | "observable") => {
    if (before[name] === after[name]) return;
    const difference = {
      pointer: `${after.pointer}/${name}`,
      kind: after[name] ? "wider" : "narrower",
      text: `is ${after[name] ? "" : "not "}${name} now`,
    };
    changes.push(
      change(member, difference.pointer, {
        kind: difference.kind as "wider" | "narrower",
        text: difference.text,
        isCompatible: after[name],
      }),
    );
  };
  flag("readable");
  flag("writable");
  flag("observable");
  return changes;
}

function compareEvent(member: string, before: EventModel, after: EventModel, fitness: Fitness): ModelChange[] {
  return compareData(member, before.output, after.output, { pointer: `${after.pointer}/sdfOutputData`, direction: "sent", fitness });
}

function compareService(member: string, before: ServiceModel, after: ServiceModel, fitness: Fitness): ModelChange[] {
  return [
    ...compareData(member, before.input, after.input, { pointer: `${after.pointer}/sdfInputData`, direction: "received", fitness }),
    ...compareData(member, before.output, after.output, { pointer: `${after.pointer}/sdfOutputData`, direction: "sent", fitness }),
  ];
}

interface Place {
  readonly pointer: string;
  readonly direction: Direction;
  readonly fitness: Fitness;
}

function compareData(member: string, before: DataSchema | undefined, after: DataSchema | undefined, place: Place): ModelChange[] {
  if (before === undefined && after === undefined) return [];
  if (before !== undefined && after !== undefined) {
    return compareSchemas(before, after, place.pointer, place.fitness).map((difference) => judge(member, difference, [place.direction]));
  }
  // Without a schema there is no data at all: data that comes or goes is neither a part of the other.
  const text = after === undefined ? "has no data any more" : "has data now, and had none";
  return [judge(member, { pointer: place.pointer, kind: "different", text }, [place.direction])];
}

function judge(member: string, { pointer, kind, text }: SchemaDifference, directions: readonly Direction[]): ModelChange {
  const allowed = { narrower: "sent", wider: "received", different: undefined }[kind];
  const isCompatible = directions.every((direction) => direction === allowed);
  const ways = directions.map((direction) => (direction === "sent" ? "devices send it" : "devices receive it")).join(" and ");
  const rule = kind === "different" ? "the old values are not among the new ones, nor the new among the old" : `it is ${kind}, and ${ways}`;
  return {
    pointer,
    member,
    kind,
    directions,
    isCompatible,
    message: `The ${member} ${text}: ${rule}${isCompatible ? "" : ", so that needs a new major version"}.`,
  };
}

function change(
  member: string,
  pointer: string,
  { kind, text, isCompatible = false }: { kind: ModelChange["kind"]; text: string; isCompatible?: boolean },
): ModelChange {
  const message = `The ${member} ${text}${isCompatible ? "" : ", so that needs a new major version"}.`;
  return { pointer, member, kind, directions: [], isCompatible, message };
}
