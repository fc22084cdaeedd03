/** A model's name: part of addresses in REST, so plain ASCII. */
export const modelNamePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

const versionCharactersMax = 64;
const number = "(?:0|[1-9]\\d{0,8})";
// A pre-release part that is a number has no leading zeros (SemVer 2.0.0 §9).
const preRelease = "(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)";
const versionPattern = new RegExp(
  `^${number}\\.${number}\\.${number}(?:-${preRelease}(?:\\.${preRelease})*)?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`,
);

export function isModelName(name: unknown): name is string {
  return typeof name === "string" && modelNamePattern.test(name);
}

/** SemVer 2.0.0, at most 64 characters. */
export function isVersion(version: unknown): version is string {
  return typeof version === "string" && version.length <= versionCharactersMax && versionPattern.test(version);
}
