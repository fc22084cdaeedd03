/**
 * Gives each name a spelling of its own in an alphabet: what `forbidden` matches becomes `_`, and where two names would be one the
 * later gets a number. The same names in the same order give the same spellings.
 */
export function nameAllotter(forbidden: RegExp, taken: readonly string[] = []): (name: string) => string {
  const used = new Set(taken);
  return (name) => {
    const plain = name.replaceAll(forbidden, "_");
    let spelling = plain;
    for (let number = 2; used.has(spelling); number += 1) spelling = `${plain}_${number}`;
    used.add(spelling);
    return spelling;
  };
}
