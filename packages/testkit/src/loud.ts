const told = new Set<string>();

/** Says once per process that something the tests need is missing; throws instead where it must not be missing. */
export function reportMissing(what: string, reason: string, required: boolean): void {
  const line = `!!! ${what} is not to be had here (${reason}): the tests that need it DO NOT RUN !!!`;
  if (required) throw new Error(line);
  if (told.has(what)) return;
  told.add(what);
  process.stderr.write(`\n${line}\n\n`);
}
