import { modelRangePattern, type ThingModelVersion } from "@mooring/contracts";

/** A version taken apart (SemVer 2.0.0 §2, §9). */
interface Version {
  readonly numbers: readonly [major: number, minor: number, patch: number];
  readonly preRelease: readonly string[];
}

function parse(version: string): Version {
  const [main = "", ...pre] = (version.split("+")[0] ?? "").split("-");
  const [major = 0, minor = 0, patch = 0] = main.split(".").map(Number);
  const preRelease = pre.join("-");
  return { numbers: [major, minor, patch], preRelease: preRelease === "" ? [] : preRelease.split(".") };
}

/** Precedence (SemVer 2.0.0 §11): negative when `a` comes before `b`. Build metadata does not count. */
export function compareVersions(a: string, b: string): number {
  const [x, y] = [parse(a), parse(b)];
  for (const index of [0, 1, 2] as const) if (x.numbers[index] !== y.numbers[index]) return x.numbers[index] - y.numbers[index];
  if (x.preRelease.length === 0 || y.preRelease.length === 0) return y.preRelease.length - x.preRelease.length;
  for (const [index, part] of x.preRelease.entries()) {
    const other = y.preRelease[index];
    if (other === undefined) return 1;
    if (part !== other) return comparePart(part, other);
  }
  return x.preRelease.length - y.preRelease.length;
}

function comparePart(a: string, b: string): number {
  const [isNumber, isOtherNumber] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumber && isOtherNumber) return Number(a) - Number(b);
  if (isNumber !== isOtherNumber) return isNumber ? -1 : 1;
  return a < b ? -1 : 1;
}

export function isPreRelease(version: string): boolean {
  return parse(version).preRelease.length > 0;
}

/** Versions of one line promise to be compatible: of one major, and of 0.x one minor. A pre-release promises nothing (§4, §9). */
export function lineOf(version: string): string | undefined {
  const { numbers, preRelease } = parse(version);
  if (preRelease.length > 0) return undefined;
  return numbers[0] === 0 ? `0.${numbers[1]}` : String(numbers[0]);
}

/** The versions next to this one in its line. */
export function neighbours(version: string, others: readonly string[]): { readonly before?: string; readonly after?: string } {
  const line = lineOf(version);
  if (line === undefined) return {};
  const sorted = others.filter((other) => lineOf(other) === line && other !== version).sort(compareVersions);
  const before = sorted.findLast((other) => compareVersions(other, version) < 0);
  const after = sorted.find((other) => compareVersions(other, version) > 0);
  return { ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) };
}

export function isRange(version: unknown): version is string {
  return typeof version === "string" && modelRangePattern.test(version);
}

const preference = ["published", "deprecated", "retired"];

/** The version a range stands for among those there are: the best state, then the newest. */
export function resolveRange(range: string, models: readonly ThingModelVersion[]): ThingModelVersion | undefined {
  const rank = ({ state }: ThingModelVersion) => preference.indexOf(state);
  const fitting = models.filter((model) => rank(model) >= 0 && isInRange(model.version, range));
  return fitting.sort((a, b) => rank(a) - rank(b) || compareVersions(b.version, a.version))[0];
}

function isInRange(version: string, range: string): boolean {
  const { numbers, preRelease } = parse(version);
  if (preRelease.length > 0) return false;
  const wanted = range.slice(1).split(".").map(Number);
  const [major = 0, minor, patch] = wanted;
  if (numbers[0] !== major) return false;
  // What must stay: the first number that is not 0 (^), or the minor (~), as far as they are given.
  const isMinorFixed = minor !== undefined && (range.startsWith("~") || major === 0);
  if (isMinorFixed && numbers[1] !== minor) return false;
  if (range.startsWith("^") && major === 0 && minor === 0 && patch !== undefined) return numbers[2] === patch;
  return compareVersions(version, `${major}.${minor ?? 0}.${patch ?? 0}`) >= 0;
}
