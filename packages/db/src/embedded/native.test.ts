import { lstatSync, mkdirSync, mkdtempSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { completeLinks } from "./native.ts";

let base: string;

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "mooring-native-"));
  mkdirSync(join(base, "lib"));
  writeFileSync(join(base, "lib", "libpq.so.5.18"), "");
});

afterEach(() => rmSync(base, { recursive: true }));

function list(links: readonly { readonly source: string; readonly target: string }[]): void {
  writeFileSync(join(base, "pg-symlinks.json"), JSON.stringify(links));
}

test("library links that no install script has made are made, once", () => {
  list([{ source: "native/lib/libpq.so.5.18", target: "native/lib/libpq.so.5" }]);
  expect(completeLinks(base)).toBe(true);
  expect(readlinkSync(join(base, "lib", "libpq.so.5"))).toBe("libpq.so.5.18");
  const { ino } = lstatSync(join(base, "lib", "libpq.so.5"));
  expect(completeLinks(base)).toBe(true);
  expect(lstatSync(join(base, "lib", "libpq.so.5")).ino).toBe(ino);
});

test("a folder in which links cannot be made is reported, so that a copy is used instead", () => {
  list([{ source: "native/missing/libpq.so.5.18", target: "native/missing/libpq.so.5" }]);
  expect(completeLinks(base)).toBe(false);
});
