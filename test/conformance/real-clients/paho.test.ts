import { join } from "node:path";
import { run } from "@mooring/testkit";
import { expect } from "vitest";
import { type Scene, toolOf, withClient } from "./with-client.ts";

const versions = ["311", "5"] as const;
const script = join(import.meta.dirname, "paho-client.py");

/** What the scenario of `paho-client.py` heard. */
async function play(scene: Scene, version: string, scenario: string, webSocketUrl?: string): Promise<unknown> {
  const paho = await toolOf(scene, "paho");
  const url = webSocketUrl === undefined ? undefined : new URL(webSocketUrl);
  const { host, port } = url === undefined ? scene.target.tcp : { host: url.hostname, port: url.port };
  const transport = url === undefined ? "tcp" : "websockets";
  const token = scene.topic("").replace("/", "");
  const args = [script, host, `${port}`, version, transport, url?.pathname ?? "/", token, scenario];
  const result = await run(paho, args, { timeoutMs: 25_000 });
  expect(result.code, result.stderr).toBe(0);
  return JSON.parse(result.stdout);
}

for (const transport of ["TCP", "WebSocket"] as const) {
  const url = (scene: Scene): string | undefined => (transport === "TCP" ? undefined : scene.target.webSocketUrl);

  withClient(`messages of every QoS go there and back over ${transport}`, versions, async (scene, version) => {
    const heard = await play(scene, version, "round_trip", url(scene));
    expect(heard).toEqual([0, 1, 2].map((qos) => [scene.topic(`${qos}`), `hello ${qos}`, qos, 0]));
  });

  withClient(`a retained message waits, over ${transport}`, versions, async (scene, version) => {
    const heard = await play(scene, version, "retained", url(scene));
    expect(heard).toEqual([[scene.topic(), "kept", 1, 1]]);
  });

  withClient(`a will is published when the connection breaks, over ${transport}`, versions, async (scene, version) => {
    const heard = await play(scene, version, "will", url(scene));
    expect(heard).toEqual([[scene.topic("will"), "gone", 1, 0]]);
  });

  withClient(`a session that is kept brings what was missed, over ${transport}`, versions, async (scene, version) => {
    const heard = await play(scene, version, "session", url(scene));
    expect(heard).toEqual([true, [1, 2].map((qos) => [scene.topic(), `missed ${qos}`, qos, 0])]);
  });
}

withClient("what is said about a message arrives", ["5"], async (scene, version) => {
  const heard = await play(scene, version, "properties");
  const userProperties = [
    ["z", "1"],
    ["a", "2"],
  ];
  expect(heard).toEqual([userProperties, "text/plain", "r/1", "c-1", true, 1]);
});

withClient("No Local and Retain Handling do what they say", ["5"], async (scene, version) => {
  const heard = await play(scene, version, "options");
  expect(heard).toEqual(["other's", "live"]);
});
