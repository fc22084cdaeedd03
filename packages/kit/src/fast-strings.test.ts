import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import { expect, test } from "vitest";
import { makeStringsFast } from "./fast-strings.ts";

test("String.prototype is no dictionary, though a class extends String", () => {
  setFlagsFromString("--allow-natives-syntax");
  const isFast = "%HasFastProperties(String.prototype)";
  // At once: whatever code looks a method up in between may make it fast too.
  expect(runInThisContext(`class Text extends String {} ${isFast}`)).toBe(false);
  makeStringsFast();
  expect(runInThisContext(isFast)).toBe(true);
});
