// What the devices of this folder have in common: the test says what to do on standard input, and hears on standard output what happened, a JSON
// document a line. The SDKs come from the folder that MOORING_TEST_SDKS names.
"use strict";
const { createRequire } = require("node:module");
const { join } = require("node:path");
const { createInterface } = require("node:readline");

/** Loads an SDK. */
exports.sdk = createRequire(join(process.env.MOORING_TEST_SDKS, "package.json"));

/** Says that something happened: `{"event", …more}`. */
exports.say = (event, more = {}) => process.stdout.write(`${JSON.stringify({ event, ...more })}\n`);

/** Does what each line says, `{"do": name, "args": […]}`, with the function of that name; ends when nobody can say anything any more. */
exports.listen = (commands) => {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const { do: name, args } = JSON.parse(line);
    try {
      await commands[name](...args);
    } catch (error) {
      exports.say("failed", { what: name, why: String(error?.message ?? error) });
    }
  });
  lines.on("close", () => process.exit(0));
};
