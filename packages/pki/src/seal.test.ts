import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { createSealer } from "./seal.ts";

const [current, retired, foreign] = [randomBytes(32), randomBytes(32), randomBytes(32)];
const sealer = createSealer([current]);

test("what was sealed comes back whole, text or bytes, also empty", () => {
  for (const secret of ["", "pässword", randomBytes(1), randomBytes(64 * 1024)]) {
    expect(sealer.unseal(sealer.seal(secret, "tenant/1"), "tenant/1").equals(Buffer.from(secret as string))).toBe(true);
  }
});

test("the sealed text shows nothing of the secret and is new each time", () => {
  const sealed = sealer.seal("super-secret", "t");
  expect(sealed).toMatch(/^mooring-sealed\.v1\.[0-9a-f]{16}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/);
  expect(sealed).not.toBe(sealer.seal("super-secret", "t"));
  expect(sealed).not.toContain(Buffer.from("super-secret").toString("base64url"));
});

test("a value sealed for one tenant does not open for another", () => {
  const sealed = sealer.seal("s", "tenant-a");
  expect(() => sealer.unseal(sealed, "tenant-b")).toThrow("damaged or belongs somewhere else");
  expect(() => sealer.unseal(sealed, "")).toThrow("damaged or belongs somewhere else");
});

test("another key is told apart from damage, and the key is named", () => {
  const sealed = createSealer([foreign]).seal("s", "t");
  expect(() => sealer.unseal(sealed, "t")).toThrow(/sealed with key [0-9a-f]{16}, which is not among the configured keys/);
});

test("every changed character is noticed", () => {
  const sealed = sealer.seal("a secret of some length", "t");
  for (let i = 0; i < sealed.length; i++) {
    const changed = sealed.slice(0, i) + (sealed[i] === "A" ? "B" : "A") + sealed.slice(i + 1);
    // The last characters of base64url may carry bits that mean nothing; then the bytes are the same.
    if (
      Buffer.from(changed.split(".").at(-1) ?? "", "base64url").equals(Buffer.from(sealed.split(".").at(-1) ?? "", "base64url")) &&
      i > 50
    )
      continue;
    expect(() => sealer.unseal(changed, "t")).toThrow(expect.objectContaining({ code: "internal" }));
  }
});

test("a shortened tag is refused, not believed (CVE class: truncated GCM tags)", () => {
  const sealed = sealer.seal("", "t");
  for (let cut = 1; cut < 22; cut++)
    expect(() => sealer.unseal(sealed.slice(0, -cut), "t")).toThrow(expect.objectContaining({ code: "internal" }));
});

test.each(["", "plain", "mooring-sealed.v2.x.y.z", "mooring-sealed.v1..."])("%j is no sealed value", (text) => {
  expect(() => sealer.unseal(text, "t")).toThrow("not a sealed value of a known version");
  expect(sealer.isCurrent(text)).toBe(false);
});

test("a retired key still opens, and what it sealed is due to be sealed again", () => {
  const old = createSealer([retired]).seal("s", "t");
  const rotated = createSealer([current, retired]);
  expect(rotated.unseal(old, "t").toString()).toBe("s");
  expect(rotated.isCurrent(old)).toBe(false);
  expect(rotated.isCurrent(rotated.seal("s", "t"))).toBe(true);
});

test("keys of another length and secrets over 64 KB are refused", () => {
  for (const key of [new Uint8Array(), randomBytes(16), randomBytes(33)])
    expect(() => createSealer([key])).toThrow(expect.objectContaining({ code: "invalidArgument" }));
  expect(() => sealer.seal(randomBytes(64 * 1024 + 1), "t")).toThrow(expect.objectContaining({ code: "invalidArgument" }));
});

test("a caller that wipes its key afterwards does not change the sealer", () => {
  const key = randomBytes(32);
  const own = createSealer([key]);
  const sealed = own.seal("s", "t");
  key.fill(0);
  expect(own.unseal(sealed, "t").toString()).toBe("s");
});
