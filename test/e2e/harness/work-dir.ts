import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fastFolder } from "@mooring/testkit";

/** Where one platform of the tests keeps its data and its logs. */
export interface WorkDir {
  readonly path: string;
  readonly logDir: string;
  /** Every log, each under its name. */
  logs(): string;
  /** Removes what is temporary. */
  close(): void;
}

/** A temporary folder, or the one that is named, which stays. With `MOORING_TEST_LOG_DIR` set the logs are kept there. */
export function openWorkDir(name: string, options: { readonly dataDir?: string }): WorkDir {
  const path = options.dataDir ?? mkdtempSync(join(fastFolder(), `mooring-${name}-`));
  mkdirSync(path, { recursive: true });
  // Postgres runs as another user when we are root, and has to get through.
  chmodSync(path, 0o711);
  const kept = process.env["MOORING_TEST_LOG_DIR"];
  if (kept !== undefined) mkdirSync(kept, { recursive: true });
  const logDir = kept === undefined ? join(path, "logs") : mkdtempSync(join(kept, `${name}-`));
  return {
    path,
    logDir,
    logs() {
      if (!existsSync(logDir)) return "";
      return readdirSync(logDir)
        .map((file) => `== ${file}\n${readFileSync(join(logDir, file), "utf8")}`)
        .join("\n");
    },
    close() {
      if (options.dataDir === undefined) rmSync(path, { recursive: true, force: true });
    },
  };
}
