/** Every bound of this package. A model is written by a tenant, so each one is met with a finding, never with a crash or a long wait. */
export const limits = {
  /** Text of one SDF document in UTF-8 bytes. The largest public models are below 100 KB. */
  documentBytesMax: 1_048_576,
  /** Nesting of arrays and objects in the text, and of definitions reached through sdfRef. */
  depthMax: 64,
  /** Values in one document, of any type: the largest model allowed, 3,000 entries of a dozen qualities. */
  documentValuesMax: 40_000,
  /** Findings kept for one document; a writer mends the first ones and tries again. */
  findingsMax: 100,
  /** Length of a definition's name in UTF-16 units; it becomes part of topics, pointers and error messages. */
  nameLengthMax: 128,
  /** Members copied while sdfRefs are resolved; stops documents whose references multiply. */
  resolveCopiesMax: 80_000,
  /** Steps along pointers while old spellings are looked for. */
  upgradeStepsMax: 100_000,
  /** Changes told of between two versions. */
  changesMax: 1_000,
  /** Other documents one may refer to; their texts together are no longer than one document. */
  importsMax: 32,
  /** Properties, events and services of one model together: ten modules of 300. */
  affordancesMax: 3_000,
  /** Things and objects of one model together, written out: references to things that hold references multiply. */
  groupsMax: 3_000,
  /** Size of the compiled form with references and choices written out, in characters, roughly: each schema and each literal has a fixed size. */
  formSizeMax: 3_000_000,
  schemaSize: 300,
  literalSize: 100,
  /** Length of one pattern in UTF-16 units. */
  patternLengthMax: 1_000,
  /** States of one pattern's automaton: bounds `a{1000}` and repetitions of repetitions. Some 300 bytes each. */
  patternStatesMax: 4_000,
  /** States of all patterns of one model; a `\p{…}` counts as 20. */
  patternStatesPerModelMax: 10_000,
  /** Characters and steps between states of one match, about 50 ms of work; a text that needs more does not match. */
  patternWorkMax: 4_000_000,
  /** What one payload may cost, in units of work.ts: steps of patterns, alternatives, items, members and characters looked at. Some 70 ms. */
  payloadWorkMax: 5_000_000,
  /** The same for the literals of one model, which are checked when it is compiled. */
  literalWorkMax: 1_000_000,
  /** Field errors kept for one validated payload. */
  fieldErrorsMax: 50,
  /** Nesting of items compared by uniqueItems. */
  uniqueDepthMax: 32,
} as const;
