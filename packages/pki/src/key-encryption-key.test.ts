import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readKeyEncryptionKey } from "./key-encryption-key.ts";

const dir = mkdtempSync(join(tmpdir(), "mooring-kek-"));
afterAll(() => rmSync(dir, { recursive: true }));
const none = { keyEncryptionKey: undefined, keyEncryptionKeyFile: undefined };

test("the key is read from the setting, or from the file", () => {
  const key = randomBytes(32);
  const file = join(dir, "key");
  writeFileSync(file, `${key.toString("base64")}\n`);
  expect(readKeyEncryptionKey({ ...none, keyEncryptionKey: key.toString("base64") })).toEqual(key);
  expect(readKeyEncryptionKey({ ...none, keyEncryptionKeyFile: file })).toEqual(key);
});

test.each([
  [none, "must be set"],
  [{ ...none, keyEncryptionKey: randomBytes(31).toString("base64") }, "32 random bytes"],
  [{ ...none, keyEncryptionKey: `${randomBytes(32).toString("base64")}!` }, "32 random bytes"],
  [{ ...none, keyEncryptionKeyFile: join(dir, "missing") }, "cannot be read"],
])("a key that is not there or not one is refused, and not quoted", (settings, message) => {
  expect(() => readKeyEncryptionKey(settings)).toThrow(message);
  const { keyEncryptionKey } = settings;
  if (keyEncryptionKey !== undefined) expect(() => readKeyEncryptionKey(settings)).not.toThrow(keyEncryptionKey);
});
