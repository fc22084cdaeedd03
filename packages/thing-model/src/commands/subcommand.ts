export interface SubcommandOutput {
  out(text: string): void;
  err(text: string): void;
}

/** A subcommand of bin.ts. */
export interface Subcommand {
  readonly usage: string;
  readonly summary: string;
  /** Answers the exit code: 0 done, 1 the model is at fault, 2 the call is. A PlatformError is shown with its issues. */
  run(args: readonly string[], output: SubcommandOutput): Promise<number>;
}
