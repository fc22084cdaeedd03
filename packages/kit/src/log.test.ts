import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";

test("an error is logged with what it says and where it was thrown, and without what hangs on it; secrets print as ***", () => {
  const script = `
    const { createLog } = await import(${JSON.stringify(new URL("./log.ts", import.meta.url).href)});
    const log = createLog({ name: "x", level: "info" });
    const error = Object.assign(new Error("lost", { cause: new Error("why") }), { code: "57P01", client: { password: "hunter2" } });
    log.warn({ err: error, secret: "hunter3", nested: { password: "hunter4" } }, "message");`;
  const { stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  const line = JSON.parse(stderr) as { err: object; secret: string };
  expect(line).toMatchObject({ msg: "message", err: { message: "lost", code: "57P01", cause: { message: "why" } }, secret: "***" });
  expect(stderr).not.toMatch(/hunter/);
});
