import { create, type DescField, type DescMessage, fromJson, type Message, ScalarType, toJson } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs, type Value, ValueSchema } from "@bufbuild/protobuf/wkt";
import { PlatformError } from "@mooring/contracts";

/**
 * Messages to contract data and back, from the descriptor. Contract data is plain: a Timestamp `created_at` is the integer
 * `createdAtMs`, int64 is a number, Struct and Value are JSON, an unset optional is absent. A message that is one oneof of messages is the one that is
 * set, with its name under the oneof's: `oneof op { PutSession put_session = 1; … }` is `{op: "putSession", …}`. Converters are made once per message
 * type.
 */
export type Plain = Readonly<Record<string, unknown>>;

interface FieldConverter {
  /** The field's name in the message and in plain data. */
  readonly local: string;
  readonly plain: string;
  toPlain(value: unknown): unknown;
  fromPlain(value: unknown): unknown;
}

const converters = new WeakMap<DescMessage, readonly FieldConverter[]>();

export function toPlain(desc: DescMessage, message: Message): Plain {
  const source = message as unknown as Record<string, unknown>;
  const plain: Record<string, unknown> = {};
  const union = unionOf(desc);
  if (union !== undefined) return unionToPlain(union, source[union.local] as OneofValue);
  for (const field of convertersOf(desc)) {
    const value = source[field.local];
    if (value !== undefined) plain[field.plain] = field.toPlain(value);
  }
  return plain;
}

/** Unknown members are left out; a member of the wrong type is our own bug and surfaces when the message is serialized. */
export function fromPlain(desc: DescMessage, plain: Plain): Message {
  const message = create(desc);
  const target = message as unknown as Record<string, unknown>;
  const union = unionOf(desc);
  if (union !== undefined) {
    target[union.local] = unionFromPlain(union, plain);
    return message;
  }
  for (const field of convertersOf(desc)) {
    const value = plain[field.plain];
    if (value !== undefined) target[field.local] = field.fromPlain(value);
  }
  return message;
}

function convertersOf(desc: DescMessage): readonly FieldConverter[] {
  let list = converters.get(desc);
  if (list === undefined) {
    list = desc.fields.map(converterOf);
    converters.set(desc, list);
  }
  return list;
}

interface Union {
  /** The name of the oneof. */
  readonly local: string;
  readonly cases: ReadonlyMap<string, DescMessage>;
}

interface OneofValue {
  readonly case: string | undefined;
  readonly value?: Message;
}

const unions = new WeakMap<DescMessage, Union | null>();

function unionOf(desc: DescMessage): Union | undefined {
  let union = unions.get(desc);
  if (union === undefined) {
    union = findUnion(desc);
    unions.set(desc, union);
  }
  return union ?? undefined;
}

function findUnion(desc: DescMessage): Union | null {
  const oneof = desc.oneofs[0];
  if (oneof === undefined) return null;
  const cases = new Map(desc.fields.flatMap((field) => (field.fieldKind === "message" ? [[field.localName, field.message] as const] : [])));
  if (oneof.fields.length !== desc.fields.length || cases.size !== desc.fields.length)
    throw new RangeError(`${desc.typeName}: only a message that is one oneof of messages has a plain form`);
  return { local: oneof.localName, cases };
}

/** A case that this side does not know has an empty name and nothing else. */
function unionToPlain({ local, cases }: Union, { case: name, value }: OneofValue): Plain {
  const desc = name === undefined ? undefined : cases.get(name);
  if (desc === undefined || value === undefined) return { [local]: "" };
  return { [local]: name, ...toPlain(desc, value) };
}

function unionFromPlain({ local, cases }: Union, plain: Plain): OneofValue {
  const name = plain[local];
  const desc = typeof name === "string" ? cases.get(name) : undefined;
  return desc === undefined ? { case: undefined } : { case: name as string, value: fromPlain(desc, plain) };
}

const same = (value: unknown): unknown => value;

function converterOf(field: DescField): FieldConverter {
  const base = { local: field.localName, plain: field.localName, toPlain: same, fromPlain: same };
  switch (field.fieldKind) {
    case "scalar":
      return isInt64(field.scalar) ? { ...base, toPlain: toNumber, fromPlain: toBigint } : base;
    case "map":
      return mapConverter(base, field);
    case "list": {
      if (field.listKind === "scalar" && isInt64(field.scalar)) {
        return {
          ...base,
          toPlain: (list) => (list as readonly unknown[]).map(toNumber),
          fromPlain: (list) => (list as readonly unknown[]).map(toBigint),
        };
      }
      if (field.listKind !== "message") return base;
      const item = field.message;
      return {
        ...base,
        toPlain: (list) => (list as readonly Message[]).map((one) => toPlain(item, one)),
        fromPlain: (list) => (list as readonly Plain[]).map((one) => fromPlain(item, one)),
      };
    }
    case "message":
      return messageConverter(base, field.message);
    default:
      throw new RangeError(`${field.parent.typeName}.${field.name}: ${field.fieldKind} fields have no plain form`);
  }
}

/** Objects with values of strings or of whole numbers. */
function mapConverter(base: FieldConverter, field: DescField & { fieldKind: "map" }): FieldConverter {
  if (field.mapKind !== "scalar") throw new RangeError(`${field.parent.typeName}.${field.name}: only maps of scalars have a plain form`);
  const each = (convert: (value: unknown) => unknown) => (map: unknown) =>
    Object.fromEntries(Object.entries(map as Record<string, unknown>).map(([key, value]) => [key, convert(value)]));
  return isInt64(field.scalar)
    ? { ...base, toPlain: each(toNumber), fromPlain: each(toBigint) }
    : { ...base, toPlain: each(same), fromPlain: each(same) };
}

function messageConverter(base: FieldConverter, desc: DescMessage): FieldConverter {
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      return {
        ...base,
        plain: `${base.local}Ms`,
        toPlain: (value) => timestampMs(value as Timestamp),
        fromPlain: (value) => timestampFromMs(value as number),
      };
    case "google.protobuf.Struct":
      return base;
    case "google.protobuf.Value":
      return {
        ...base,
        toPlain: (value) => toJson(ValueSchema, value as Value),
        fromPlain: (value) => fromJson(ValueSchema, value as never),
      };
    default:
      return { ...base, toPlain: (value) => toPlain(desc, value as Message), fromPlain: (value) => fromPlain(desc, value as Plain) };
  }
}

function isInt64(scalar: ScalarType): boolean {
  return scalar === ScalarType.INT64 || scalar === ScalarType.UINT64 || scalar === ScalarType.SINT64;
}

function toNumber(value: unknown): number {
  const number = Number(value as bigint);
  if (!Number.isSafeInteger(number)) throw new PlatformError("invalidArgument", `${String(value)} is larger than 2^53 - 1`);
  return number;
}

function toBigint(value: unknown): bigint {
  return BigInt(value as number);
}
