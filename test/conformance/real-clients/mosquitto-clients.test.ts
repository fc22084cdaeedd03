import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { run, until } from "@mooring/testkit";
import { expect } from "vitest";
import { type Scene, type Tool, toolOf, withClient } from "./with-client.ts";

const versions = ["31", "311", "5"] as const;
type Version = (typeof versions)[number];

interface Clients {
  readonly pub: Tool;
  readonly sub: Tool;
  readonly rr: Tool;
}

function withMosquitto(
  title: string,
  of: readonly Version[],
  body: (scene: Scene, version: Version, clients: Clients) => Promise<void>,
): void {
  withClient(title, of, async (scene, version) => {
    const [pub, sub, rr] = [
      await toolOf(scene, "mosquitto_pub"),
      await toolOf(scene, "mosquitto_sub"),
      await toolOf(scene, "mosquitto_rr"),
    ];
    await body(scene, version, { pub, sub, rr });
  });
}

function connection({ target }: Scene, version: Version): string[] {
  return ["-h", target.tcp.host, "-p", `${target.tcp.port}`, "-V", version];
}

async function publish(scene: Scene, version: Version, { pub }: Clients, ...args: string[]): Promise<void> {
  const result = await run(pub, [...connection(scene, version), ...args], { timeoutMs: 15_000 });
  expect(result, result.stderr).toMatchObject({ code: 0 });
}

interface Listener {
  readonly lines: readonly string[];
  readonly kill: (signal: NodeJS.Signals) => Promise<void>;
}

/** A mosquitto_sub that has been granted what it asked for; `lines` is what it prints per message. */
async function listen(scene: Scene, version: Version, { sub }: Clients, ...args: string[]): Promise<Listener> {
  // Into a pipe it would print by the kilobyte.
  const command = ["-oL", sub.path, ...connection(scene, version), "-d", "-F", ">> %t %q %r %p", ...args];
  const child = spawn("stdbuf", command, { env: { ...process.env, ...sub.env }, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  const said: string[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => (line.startsWith(">> ") ? lines.push(line.slice(3)) : said.push(line)));
  createInterface({ input: child.stderr }).on("line", (line) => said.push(line));
  const ended = once(child, "close");
  const kill = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    await ended;
  };
  scene.onFinished(() => void child.kill("SIGKILL"));
  await until("the subscription to be granted", () => said.some((line) => line.startsWith("Subscribed")) || child.exitCode !== null);
  if (child.exitCode !== null) throw new Error(`mosquitto_sub ended: ${said.join(" | ")}`);
  return { lines, kill };
}

async function line(listener: Listener, at: number): Promise<string> {
  return until(`message ${at}`, () => listener.lines[at]);
}

withMosquitto("messages of every QoS go there and back", versions, async (scene, version, clients) => {
  const listener = await listen(scene, version, clients, "-t", scene.topic("#"), "-q", "2");
  for (const qos of [0, 1, 2]) {
    await publish(scene, version, clients, "-t", scene.topic(`${qos}`), "-q", `${qos}`, "-m", `hello ${qos}`);
    expect(await line(listener, qos)).toBe(`${scene.topic(`${qos}`)} ${qos} 0 hello ${qos}`);
  }
});

withMosquitto("a retained message waits for whoever subscribes", versions, async (scene, version, clients) => {
  await publish(scene, version, clients, "-t", scene.topic(), "-q", "1", "-r", "-m", "kept");
  const listener = await listen(scene, version, clients, "-t", scene.topic(), "-q", "1");
  expect(await line(listener, 0)).toBe(`${scene.topic()} 1 1 kept`);
});

withMosquitto("the will of a client that was killed is published", versions, async (scene, version, clients) => {
  const watcher = await listen(scene, version, clients, "-t", scene.topic("will"), "-q", "1");
  const will = ["--will-topic", scene.topic("will"), "--will-payload", "killed", "--will-qos", "1"];
  const victim = await listen(scene, version, clients, "-t", scene.topic("x"), ...will);
  await victim.kill("SIGKILL");
  expect(await line(watcher, 0)).toBe(`${scene.topic("will")} 1 0 killed`);
});

withMosquitto("a session that is kept brings what was missed", versions, async (scene, version, clients) => {
  const session = ["-i", scene.topic("s").replace("/", "").slice(0, 20), "-c", ...(version === "5" ? ["-x", "600"] : [])];
  const first = await listen(scene, version, clients, ...session, "-t", scene.topic(), "-q", "2");
  await first.kill("SIGTERM");
  for (const qos of [1, 2]) await publish(scene, version, clients, "-t", scene.topic(), "-q", `${qos}`, "-m", `missed ${qos}`);
  const again = await listen(scene, version, clients, ...session, "-t", scene.topic(), "-q", "2");
  const heard = [await line(again, 0), await line(again, 1)].sort();
  expect(heard).toEqual([1, 2].map((qos) => `${scene.topic()} ${qos} 0 missed ${qos}`));
});

withMosquitto("user properties, content type, expiry, response topic and topic alias arrive", ["5"], async (scene, version, clients) => {
  const listener = await listen(scene, version, clients, "-t", scene.topic("#"), "-q", "1", "-F", ">> %t|%p|%P|%C|%E|%R|%D");
  const said = [
    ["user-property", "k", "v"],
    ["content-type", "text/plain"],
    ["message-expiry-interval", "600"],
    ["response-topic", "r/1"],
    ["correlation-data", "c-1"],
    ["topic-alias", "1"],
  ].flatMap((property) => ["-D", "publish", ...property]);
  await publish(scene, version, clients, "-t", scene.topic("p"), "-q", "1", "-m", "x", ...said);
  expect(await line(listener, 0)).toMatch(new RegExp(`^${scene.topic("p")}\\|x\\|k:v\\|text/plain\\|(600|599)\\|r/1\\|c-1$`));
});

withMosquitto("mosquitto_rr gets its answer", ["5"], async (scene, version, clients) => {
  const listener = await listen(scene, version, clients, "-t", scene.topic("ask"), "-q", "1", "-F", ">> %R|%p");
  const args = ["-t", scene.topic("ask"), "-e", scene.topic("answer"), "-q", "1", "-m", "?", "-W", "10"];
  const asking = run(clients.rr, [...connection(scene, version), ...args], { timeoutMs: 15_000 });
  const [responseTopic = "", question] = (await line(listener, 0)).split("|");
  expect(question).toBe("?");
  await publish(scene, version, clients, "-t", responseTopic, "-q", "1", "-m", "the answer");
  expect(await asking).toMatchObject({ code: 0, stdout: "the answer\n" });
});
