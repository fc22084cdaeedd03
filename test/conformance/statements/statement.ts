/** A test outside this folder that shows a statement, by its file and its title. */
export interface ShownBy {
  readonly file: string;
  readonly title: string;
}

/** A normative statement of a specification, in our words; the specification's text is not copied. */
export interface Statement {
  /** Who must obey it. */
  readonly who: "server" | "client" | "both";
  readonly says: string;
  /** Why no test of this folder shows it. The tests that do carry its id in their titles. */
  readonly waived?: string;
  readonly shownBy?: readonly ShownBy[];
}

/** By number, without the `MQTT-` before it. */
export type Statements = Readonly<Record<string, Statement>>;

export function server(says: string, waived?: string): Statement {
  return { who: "server", says, ...(waived === undefined ? {} : { waived }) };
}

export function both(says: string, waived?: string): Statement {
  return { who: "both", says, ...(waived === undefined ? {} : { waived }) };
}

/** A statement about clients needs no test here; where a server has an answer to who breaks it, the answer is tested nevertheless. */
export function client(says: string, waived = "About clients."): Statement {
  return { who: "client", says, waived };
}

/** Shown by tests of one file outside this folder: of what the broker under test here does not offer. */
export function shownIn(file: string, statement: Statement, ...titles: readonly string[]): Statement {
  return { ...statement, shownBy: titles.map((title) => ({ file, title })) };
}

/** SCRAM-SHA-256 needs an API key, which the development listener knows nothing of. */
export const scramTests = "apps/gateway/src/operators.test.ts";
