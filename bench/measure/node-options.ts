/** Arguments for Node itself, such as `--cpu-prof`, from `MOORING_BENCH_NODE_OPTIONS`. */
export function givenNodeOptions(): readonly string[] {
  return (process.env["MOORING_BENCH_NODE_OPTIONS"] ?? "").split(" ").filter((option) => option !== "");
}

/** And before them what the platform is started with: see `npm start` and the Dockerfile. */
export function platformNodeOptions(): readonly string[] {
  return ["--max-semi-space-size=16", ...givenNodeOptions()];
}
