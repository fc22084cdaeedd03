// `\p{…}`: making the set of one costs the native engine some 30 µs, each time it stands in an expression. It is asked for each as rarely as can be.

const PROPERTY = /\\[pP]\{[^}]*\}/y;

/** Why a pattern is not ECMA-262 in Unicode mode; undefined where it is. Each property that is named is made once. */
export function notationProblem(source: string): string | undefined {
  const { plain, properties } = withoutProperties(source);
  return problemOf(plain) ?? properties.map(problemOf).find((problem) => problem !== undefined);
}

/** How many properties these atoms name together. */
export function countProperties(atoms: Iterable<string>): number {
  let count = 0;
  for (const atom of atoms) count += (atom.match(/\\[pP]\{/g) ?? []).length;
  return count;
}

/** The pattern with `\d` for each property, which is legal where that is, and the properties, each once. */
function withoutProperties(source: string): { readonly plain: string; readonly properties: readonly string[] } {
  const properties = new Set<string>();
  let plain = "";
  for (let at = 0; at < source.length; ) {
    PROPERTY.lastIndex = at;
    const property = PROPERTY.exec(source)?.[0];
    const taken = property ?? source.slice(at, source[at] === "\\" ? at + 2 : at + 1);
    if (property !== undefined) properties.add(property);
    plain += property === undefined ? taken : "\\d";
    at += taken.length;
  }
  return { plain, properties: [...properties] };
}

function problemOf(source: string): string | undefined {
  try {
    new RegExp(source, "u");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message.replace(/^.*: /s, "") : "it cannot be read";
  }
}
