import { access } from "node:fs/promises";
import path from "node:path";
import { fetchPackages } from "./apt-cache.ts";
import { reportMissing } from "./loud.ts";

/** Debian's folder for the machine's libraries. */
const triples: Readonly<Record<string, string>> = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };
let search: Promise<string | undefined> | undefined;

/**
 * The library that, preloaded into a process, shifts its wall clock by what a file says: installed, else fetched from Debian without root.
 * Undefined, said loudly, where neither works; with `MOORING_TEST_REQUIRE_CLIENTS=1` or `CI=true` it throws instead.
 */
export function findFaketime(): Promise<string | undefined> {
  search ??= find();
  return search;
}

async function find(): Promise<string | undefined> {
  const file = path.join("usr/lib", triples[process.arch] ?? "", "faketime/libfaketimeMT.so.1");
  if (await exists(path.join("/", file))) return path.join("/", file);
  const { root, reason } = await fetchPackages(["libfaketime"]);
  if (root !== undefined && (await exists(path.join(root, file)))) return path.join(root, file);
  const required = process.env["MOORING_TEST_REQUIRE_CLIENTS"] === "1" || process.env["CI"] === "true";
  reportMissing("libfaketime", reason ?? `the package holds no ${file}`, required);
  return undefined;
}

function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}
