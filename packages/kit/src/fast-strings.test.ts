import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";

/** In a process of its own: whatever code of this one looks a method of a string up may make the prototype fast too. */
const script = `
  import { makeStringsFast } from ${JSON.stringify(new URL("./fast-strings.ts", import.meta.url).href)};
  class Text extends String {}
  const before = %HasFastProperties(String.prototype);
  makeStringsFast();
  console.log(before, %HasFastProperties(String.prototype));
`;

test("String.prototype is no dictionary, though a class extends String", () => {
  const options = ["--allow-natives-syntax", "--input-type=module", "-e", script];
  expect(execFileSync(process.execPath, options, { encoding: "utf8" }).trim()).toBe("false true");
});
