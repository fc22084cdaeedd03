/** One setting: where it comes from, what it may be, what it means. The documentation is generated from this. */
export interface Setting {
  readonly env: string;
  readonly kind: SettingKind;
  /** Undefined means required, null means off unless set. */
  readonly default?: string | number | boolean | null;
  readonly doc: string;
  /** Prints as ***. */
  readonly secret?: boolean;
  readonly min?: number;
  readonly max?: number;
  readonly oneOf?: readonly string[];
}

/** `address` is `host:port`. */
export type SettingKind = "string" | "integer" | "port" | "boolean" | "address";
export type SettingTable = Readonly<Record<string, Setting>>;

type ValueOf<S extends Setting> = S["kind"] extends "integer" | "port" ? number : S["kind"] extends "boolean" ? boolean : string;
/** The values of a table: optional ones (default null) may be undefined. */
export type Settings<T extends SettingTable> = {
  readonly [K in keyof T]: T[K]["default"] extends null ? ValueOf<T[K]> | undefined : ValueOf<T[K]>;
};

/** A wrong setting: one clear sentence that names it. Ends the process without a stack trace. */
export class SettingError extends Error {
  override readonly name = "SettingError";
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads a table from the environment. Throws SettingError for a value that is missing, of the wrong kind or out of bounds. */
export function loadSettings<const T extends SettingTable>(table: T, env: Environment): Settings<T> {
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(table)) values[key] = readSetting(setting, env[setting.env]);
  return values as Settings<T>;
}

/** A port above 65,535 is refused where it is taken apart: see parseAddress. */
const addressPattern = /^(?:\[[0-9a-f:.]+\]|[^:[\]\s]+):\d{1,5}$/i;

function readSetting(setting: Setting, raw: string | undefined): unknown {
  if (raw === undefined || raw === "") {
    if (setting.default === undefined) throw new SettingError(`${setting.env} is not set: ${setting.doc}`);
    return setting.default ?? undefined;
  }
  switch (setting.kind) {
    case "boolean":
      if (raw !== "true" && raw !== "false") throw new SettingError(`${setting.env} must be true or false, not ${show(setting, raw)}`);
      return raw === "true";
    case "address":
      if (!addressPattern.test(raw)) throw new SettingError(`${setting.env} must have the form host:port, not ${show(setting, raw)}`);
      return raw;
    case "port":
      return readInteger(setting, raw, 0, 65_535);
    case "integer":
      return readInteger(setting, raw, setting.min ?? Number.MIN_SAFE_INTEGER, setting.max ?? Number.MAX_SAFE_INTEGER);
    case "string":
      if (setting.oneOf !== undefined && !setting.oneOf.includes(raw)) {
        throw new SettingError(`${setting.env} must be one of ${setting.oneOf.join(", ")}, not ${show(setting, raw)}`);
      }
      return raw;
  }
}

function readInteger(setting: Setting, raw: string, min: number, max: number): number {
  const value = /^-?\d{1,15}$/.test(raw) ? Number(raw) : Number.NaN;
  if (!(value >= min && value <= max)) {
    throw new SettingError(`${setting.env} must be a whole number from ${min} to ${max}, not ${show(setting, raw)}`);
  }
  return value;
}

function show(setting: Setting, raw: string): string {
  return setting.secret ? "***" : JSON.stringify(raw);
}

/** Refuses a MOORING_ variable that no table knows: a misspelt setting is an error, not a silent default. MOORING_TEST_ ones are the tests' own. */
export function assertKnownSettings(tables: readonly SettingTable[], env: Environment): void {
  const known = new Set(tables.flatMap((table) => Object.values(table).map((setting) => setting.env)));
  for (const name of Object.keys(env)) {
    if (!name.startsWith("MOORING_") || name.startsWith("MOORING_TEST_") || known.has(name)) continue;
    throw new SettingError(`${name} is not a setting of this process; docs/config.md lists the settings there are`);
  }
}
