import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const program = fileURLToPath(new URL("./load", import.meta.url));

/** One line of figures, as load.c prints it. */
export type LoadFigures = Readonly<Record<string, number | string>>;

/** Builds the generator if it is not there, or older than its source. Throws with what is missing: without it there is nothing to measure. */
export function buildLoad(): void {
  const built = spawnSync("make", ["-s", "load"], { cwd: folder, encoding: "utf8" });
  if (built.status === 0) return;
  throw new Error(
    `THE LOAD GENERATOR CANNOT BE BUILT. It needs make, a C compiler and OpenSSL's headers: apt-get install make gcc libssl-dev\n${built.stderr ?? built.error}`,
  );
}

const msMax = 180_000;

/** Runs it once. Rejects when it found a message lost, doubled or out of order, and when it takes longer than three minutes. */
export function runLoad(args: readonly string[]): Promise<readonly LoadFigures[]> {
  const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], timeout: msMax, killSignal: "SIGKILL" });
  let said = "";
  let complaints = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status, signal) => {
      const figures = said.split("\n").flatMap((line) => (line.startsWith("{") ? [JSON.parse(line) as LoadFigures] : []));
      if (status === 0 && figures.length > 0) resolve(figures);
      else reject(new Error(`load ${args.join(" ")} failed (${status ?? signal}): ${complaints.trim()} ${said.trim()}`.trim()));
    });
  });
}
