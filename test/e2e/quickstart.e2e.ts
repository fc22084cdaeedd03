import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "@mooring/testkit";
import { beforeAll, describe, expect, test } from "vitest";
import { root } from "./harness/service-process.ts";
import { sharedPlatform } from "./harness/shared-platform.ts";
import { tempFolder } from "./harness/temp-folder.ts";
import { clientOf } from "./harness/tools.ts";

interface Block {
  readonly heading: string;
  readonly text: string;
}

/** The bash blocks of a page, each with the heading it stands under. */
function blocksOf(page: string): readonly Block[] {
  const blocks: Block[] = [];
  let heading = "";
  for (const match of page.matchAll(/^#+ (.+)$|^```bash\n([\s\S]*?)^```$/gm)) {
    if (match[1] !== undefined) heading = match[1];
    else blocks.push({ heading, text: match[2] ?? "" });
  }
  return blocks;
}

const blocks = blocksOf(readFileSync(join(root, "examples/quickstart/README.md"), "utf8"));
const mark = (index: number): string => `=== block ${index} ===`;

/** All blocks, in order and in one shell, on a platform; what each of them printed. The first one that fails ends it. */
async function runBlocks(): Promise<{ readonly code: number | null; readonly printed: readonly string[]; readonly stderr: string }> {
  const platform = await sharedPlatform();
  const mosquitto = await clientOf("mosquitto_pub");
  const folder = tempFolder("quickstart");
  const variables = {
    KEY: platform.apiKey,
    REST: platform.rest,
    GRPC: platform.grpc,
    HTTPS: platform.https,
    MQTT_HOST: platform.mqtts.host,
    MQTT_PORT: `${platform.mqtts.port}`,
    CA: platform.caFile,
    TMPDIR: folder,
    PATH: `${dirname(mosquitto.path)}:${process.env["PATH"]}`,
  };
  const script = ["set -euo pipefail", `cd ${root}`, ...blocks.map(({ text }, index) => `echo "${mark(index)}"\n${text}`), ""].join("\n");
  const file = join(folder, "blocks.sh");
  writeFileSync(file, script);
  // timeout ends all that the shell has started, not the shell alone.
  const timeout = { path: "/usr/bin/timeout", env: { ...mosquitto.env, ...variables } };
  const { code, stdout, stderr } = await run(timeout, ["--kill-after=2", "50", "bash", file], { timeoutMs: 60_000 });
  const printed = blocks.map((_, index) => (stdout.split(`${mark(index)}\n`)[1] ?? "").split(/^=== block \d+ ===$/m)[0] ?? "");
  return { code, printed, stderr };
}

describe("the quickstart, word for word", () => {
  let printed: readonly string[] = [];
  const under = (heading: string): string => printed.filter((_, index) => blocks[index]?.heading === heading).join("");
  beforeAll(async () => {
    const result = await runBlocks();
    printed = result.printed;
    expect(result.code, `${result.printed.join("\n")}\n${result.stderr}`).toBe(0);
  });

  test("a value outside the model is refused with the reason per field, and the shadow and history have what was in it", () => {
    const said = under("It says something");
    expect(said).toMatch(/"id":"2","code":200/);
    expect(said).toMatch(
      /"id":"3","code":460.*\/params\/Temperature.*\/params\/Mode|"id":"3","code":460.*\/params\/Mode.*\/params\/Temperature/,
    );
    expect(said).toMatch(/"version":2,.*"reported":\{[^}]*"Temperature":22/);
    expect(said).not.toContain('"TargetTemperature":20');
    expect(said).toMatch(/"points":\[\{"time":"[^"]+","value":22,.*"value":21.5/);
  });

  test("the subscriber goes on where it stopped", () => {
    const [first = "", second = "", ...rest] = under("A back end listens").trim().split("\n");
    expect(first).toMatch(/kitchen properties .*21\.5/);
    expect(second).toMatch(/kitchen properties .*"value":22\b/);
    expect(rest).toEqual([]);
  });

  test("the device that was away gets one delta with the last wish", () => {
    const delta = under("A wish for a device that is away").trim().split("\n").at(-1) ?? "";
    expect(delta).toContain('"TargetTemperature":20.5');
    expect(delta).not.toContain('"TargetTemperature":19');
  });

  test("calls: offline at once, answered over REST and gRPC, and a timeout", () => {
    const said = under("A call, and its answer");
    expect(said).toContain('"code":"deviceOffline"');
    expect(said).toContain('"output":{"accepted":true}');
    expect(said).toMatch(/call \d+ was answered: .*"accepted": true/);
    expect(said).toContain('"code":"timeout"');
  });

  test("the stranger, the revoked certificate and the wrong topic are refused", () => {
    const said = under("Who is refused");
    expect(said).toContain("the stranger was refused");
    expect(said).toContain("the revoked certificate was refused");
    expect(said).toMatch(/not authori[sz]ed/i);
  });

  test("over HTTPS: a report, the shadow, a call", () => {
    const said = under("The same device over HTTPS");
    expect(said).toMatch(/"id":"6","code":200/);
    expect(said).toContain('"desired":{"TargetTemperature":20.5}');
    expect(said).toContain('"method":"thing.service.Reboot"');
    expect(said).toContain('"output":{"accepted":true}');
  });
});
