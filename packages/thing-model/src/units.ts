/**
 * The units of the IANA registries "SenML Units" and "Secondary Units" (https://www.iana.org/assignments/senml/), to which RFC 9880 s4.7
 * refers, as IANA had them on 27 March 2025: those of RFC 8428 s12.1 and RFC 8798, NTU (ISO 7027-1), and the secondary units added by the
 * designated experts of the CoRE working group on 18 February 2021 (VAh, ppb, ppt, g/l, mg/l, ug/l). Every name, scale, offset and asterisk was
 * compared with IANA's text of that day, as the GitHub repository larseggert/iana-assignments has it (commit 69914307fb94, senml/senml.txt). A unit
 * registered later is unknown here, which is a warning and nothing more.
 */
export interface Unit {
  readonly name: string;
  readonly description: string;
  /** Registered, but not to be used by new models; the unit to use instead. */
  readonly insteadUse?: string;
  /** Of a secondary unit: value in the primary unit = value * scale + offset. */
  readonly secondary?: { readonly primary: string; readonly scale: number; readonly offset: number };
}

const primary = `
m metre|kg kilogram|g gram >kg|s second|A ampere|K kelvin|cd candela|mol mole|Hz hertz|rad radian|sr steradian|N newton|Pa pascal|J joule
W watt|C coulomb|V volt|F farad|Ohm ohm|S siemens|Wb weber|T tesla|H henry|Cel degrees Celsius|lm lumen|lx lux|Bq becquerel|Gy gray
Sv sievert|kat katal|m2 square metre|m3 cubic metre|l litre >m3|m/s metre per second|m/s2 metre per square second
m3/s cubic metre per second|l/s litre per second >m3/s|W/m2 watt per square metre|cd/m2 candela per square metre|bit bit
bit/s bit per second|lat degrees latitude|lon degrees longitude|pH pH value|dB decibel|dBW decibel relative to 1 W
Bspl bel (sound pressure level) >dB|count counter value|/ ratio|% ratio >/|%RH percent relative humidity
%EL percent remaining battery energy|EL seconds remaining battery energy|1/s events per second|1/min events per minute >1/s
beat/min heart beats per minute >1/s|beats heart beats >count|S/m siemens per metre|B byte|VA volt-ampere|VAs volt-ampere second
var volt-ampere reactive|vars volt-ampere-reactive second|J/m joule per metre|kg/m3 kilogram per cubic metre|deg degree (angle) >rad
NTU nephelometric turbidity unit`;

/** Name, primary unit, scale, offset, description. */
const secondary: readonly (readonly [string, string, number, number, string])[] = [
  ["ms", "s", 1 / 1000, 0, "millisecond"],
  ["min", "s", 60, 0, "minute"],
  ["h", "s", 3600, 0, "hour"],
  ["MHz", "Hz", 1e6, 0, "megahertz"],
  ["kW", "W", 1000, 0, "kilowatt"],
  ["kVA", "VA", 1000, 0, "kilovolt-ampere"],
  ["kvar", "var", 1000, 0, "kilovar"],
  ["Ah", "C", 3600, 0, "ampere-hour"],
  ["Wh", "J", 3600, 0, "watt-hour"],
  ["kWh", "J", 3.6e6, 0, "kilowatt-hour"],
  ["varh", "vars", 3600, 0, "var-hour"],
  ["kvarh", "vars", 3.6e6, 0, "kilovar-hour"],
  ["VAh", "VAs", 3600, 0, "volt-ampere-hour"],
  ["kVAh", "VAs", 3.6e6, 0, "kilovolt-ampere-hour"],
  ["Wh/km", "J/m", 3.6, 0, "watt-hour per kilometre"],
  ["KiB", "B", 1024, 0, "kibibyte"],
  ["GB", "B", 1e9, 0, "gigabyte"],
  ["Mbit/s", "bit/s", 1e6, 0, "megabit per second"],
  ["B/s", "bit/s", 8, 0, "byte per second"],
  ["MB/s", "bit/s", 8e6, 0, "megabyte per second"],
  ["mV", "V", 1 / 1000, 0, "millivolt"],
  ["mA", "A", 1 / 1000, 0, "milliampere"],
  ["dBm", "dBW", 1, -30, "decibel relative to 1 mW"],
  ["ug/m3", "kg/m3", 1e-9, 0, "microgram per cubic metre"],
  ["g/l", "kg/m3", 1, 0, "gram per litre"],
  ["mg/l", "kg/m3", 1 / 1000, 0, "milligram per litre"],
  ["ug/l", "kg/m3", 1e-6, 0, "microgram per litre"],
  ["mm/h", "m/s", 1 / 3.6e6, 0, "millimetre per hour"],
  ["m/h", "m/s", 1 / 3600, 0, "metre per hour"],
  ["ppm", "/", 1e-6, 0, "parts per million"],
  ["ppb", "/", 1e-9, 0, "parts per billion"],
  ["ppt", "/", 1e-12, 0, "parts per trillion"],
  ["/100", "/", 1 / 100, 0, "percent"],
  ["/1000", "/", 1 / 1000, 0, "permille"],
  ["hPa", "Pa", 100, 0, "hectopascal"],
  ["mm", "m", 1 / 1000, 0, "millimetre"],
  ["cm", "m", 1 / 100, 0, "centimetre"],
  ["km", "m", 1000, 0, "kilometre"],
  ["km/h", "m/s", 1 / 3.6, 0, "kilometre per hour"],
];

function readPrimary(line: string): Unit {
  const [, name = "", description = "", insteadUse] = /^(\S+) (.*?)(?: >(\S+))?$/.exec(line) ?? [];
  return insteadUse === undefined ? { name, description } : { name, description, insteadUse };
}

/** Every registered unit by its name, which is case-sensitive. */
export const units: ReadonlyMap<string, Unit> = new Map<string, Unit>([
  ...primary
    .trim()
    .split(/[\n|]/)
    .map((line) => [line.split(" ")[0] ?? "", readPrimary(line)] as const),
  ...secondary.map(
    ([name, base, scale, offset, description]) => [name, { name, description, secondary: { primary: base, scale, offset } }] as const,
  ),
]);

/** What models say where the registry has another name. */
const usual: ReadonlyMap<string, string> = new Map(
  "°C Cel|℃ Cel|C° Cel|degC Cel|Celsius Cel|percent /100|pct /100|‰ /1000|sec s|second s|seconds s|Ω Ohm|ohm Ohm|L l|kmh km/h|km/hr km/h|lux lx|kPa Pa|bar Pa|° deg|degree deg"
    .split("|")
    .map((pair) => pair.split(" ") as [string, string]),
);

/** A sentence about a unit that other readers will not know; undefined for a registered one or a URI (RFC 9880 s4.7). */
export function unitProblem(name: string): string | undefined {
  if (units.has(name) || (/^[a-z][a-z0-9+.-]*:/i.test(name) && URL.canParse(name))) return undefined;
  const better = usual.get(name);
  return `The unit is not in the registry of SenML units.${better === undefined ? "" : ` The registry has ${better}.`}`;
}
