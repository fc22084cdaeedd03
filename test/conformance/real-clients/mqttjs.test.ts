import { pause } from "@mooring/kit";
import { connect, type IClientOptions, type IPublishPacket, type MqttClient } from "mqtt";
import { expect } from "vitest";
import { type Scene, withClient } from "./with-client.ts";

const versions = [4, 5] as const;

/** What a client has heard. */
class Ear {
  readonly #heard: IPublishPacket[] = [];
  #wake = (): void => undefined;

  constructor(client: MqttClient) {
    client.on("message", (_topic, _payload, packet) => {
      this.#heard.push(packet);
      this.#wake();
    });
  }

  async next(): Promise<IPublishPacket & { readonly text: string }> {
    while (this.#heard.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const packet = this.#heard.shift() as IPublishPacket;
    return { ...packet, text: packet.payload.toString() };
  }

  get isEmpty(): boolean {
    return this.#heard.length === 0;
  }
}

interface Heard {
  readonly ear: Ear;
  readonly sessionPresent: boolean;
}

/** A client that was let in. It listens before, since what it missed may come with CONNACK. */
async function open(scene: Scene, options: IClientOptions, url?: string): Promise<MqttClient & Heard> {
  const { host, port } = scene.target.tcp;
  const client = connect(url ?? `mqtt://${host}:${port}`, { reconnectPeriod: 0, connectTimeout: 5_000, ...options });
  scene.onFinished(() => void client.end(true));
  const ear = new Ear(client);
  const sessionPresent = await new Promise<boolean>((resolve, reject) => {
    client.once("connect", (connack) => resolve(connack.sessionPresent));
    client.once("error", reject);
  });
  return Object.assign(client, { ear, sessionPresent });
}

withClient("messages of every QoS go there and back", versions, async (scene, protocolVersion) => {
  const client = await open(scene, { protocolVersion });
  await client.subscribeAsync(scene.topic("#"), { qos: 2 });
  for (const qos of [0, 1, 2] as const) {
    await client.publishAsync(scene.topic(`q/${qos}`), `${qos}`, { qos });
    expect(await client.ear.next()).toMatchObject({ topic: scene.topic(`q/${qos}`), text: `${qos}`, qos, retain: false });
  }
});

withClient("a retained message waits, and is removed by an empty one", versions, async (scene, protocolVersion) => {
  const [first, later, last] = [
    await open(scene, { protocolVersion }),
    await open(scene, { protocolVersion }),
    await open(scene, { protocolVersion }),
  ];
  await first.publishAsync(scene.topic(), "kept", { qos: 1, retain: true });
  await later.subscribeAsync(scene.topic(), { qos: 1 });
  expect(await later.ear.next()).toMatchObject({ text: "kept", retain: true });
  await first.publishAsync(scene.topic(), "", { qos: 1, retain: true });
  await last.subscribeAsync(scene.topic(), { qos: 1 });
  await last.publishAsync(scene.topic(), "live", { qos: 1 });
  expect(await last.ear.next()).toMatchObject({ text: "live", retain: false });
});

withClient("a will is published when the socket breaks, and not when the client ends", versions, async (scene, protocolVersion) => {
  const watcher = await open(scene, { protocolVersion });
  await watcher.subscribeAsync(scene.topic("#"));
  const will = (name: string) => ({ topic: scene.topic(name), payload: Buffer.from(name), qos: 1 as const, retain: false });
  const polite = await open(scene, { protocolVersion, will: will("polite") });
  await polite.endAsync();
  const broken = await open(scene, { protocolVersion, will: will("broken") });
  broken.stream.destroy();
  expect((await watcher.ear.next()).text).toBe("broken");
  expect(watcher.ear.isEmpty).toBe(true);
});

withClient("a session that is kept brings what was missed", versions, async (scene, protocolVersion) => {
  const properties = protocolVersion === 5 ? { properties: { sessionExpiryInterval: 600 } } : {};
  const options = { protocolVersion, clientId: scene.topic("c").replace("/", ""), clean: false, ...properties };
  const first = await open(scene, options);
  await first.subscribeAsync(scene.topic("#"), { qos: 2 });
  await first.endAsync();
  const publisher = await open(scene, { protocolVersion });
  for (const qos of [1, 2] as const) await publisher.publishAsync(scene.topic(`${qos}`), `missed ${qos}`, { qos });
  const again = await open(scene, options);
  expect(again.sessionPresent).toBe(true);
  expect([(await again.ear.next()).text, (await again.ear.next()).text].sort()).toEqual(["missed 1", "missed 2"]);
});

withClient("everything works over WebSocket", versions, async (scene, protocolVersion) => {
  const client = await open(scene, { protocolVersion }, scene.target.webSocketUrl);
  await client.subscribeAsync(scene.topic(), { qos: 2 });
  for (const qos of [0, 1, 2] as const) {
    await client.publishAsync(scene.topic(), "x".repeat(70_000), { qos });
    const message = await client.ear.next();
    expect(message.qos).toBe(qos);
    expect(message.payload).toHaveLength(70_000);
  }
});

withClient("a request finds its answer, with what is said beside it", [5], async (scene, protocolVersion) => {
  const [asking, answering] = [await open(scene, { protocolVersion }), await open(scene, { protocolVersion })];
  await answering.subscribeAsync(scene.topic("ask"), { qos: 1 });
  await asking.subscribeAsync(scene.topic("answer"), { qos: 1 });
  const userProperties = { a: ["1", "2"], b: "3" };
  const properties = {
    responseTopic: scene.topic("answer"),
    correlationData: Buffer.from("c-1"),
    userProperties,
    contentType: "text/plain",
  };
  await asking.publishAsync(scene.topic("ask"), "?", { qos: 1, properties: { ...properties, messageExpiryInterval: 60 } });
  const question = await answering.ear.next();
  expect(question.properties).toMatchObject({ ...properties, messageExpiryInterval: expect.toBeOneOf([59, 60]) });
  await answering.publishAsync(question.properties?.responseTopic ?? "", "!", {
    qos: 1,
    properties: { correlationData: question.properties?.correlationData ?? Buffer.alloc(0) },
  });
  const answer = await asking.ear.next();
  expect(answer).toMatchObject({ text: "!", properties: { correlationData: Buffer.from("c-1") } });
});

withClient("a message whose expiry has passed is not delivered to a client that comes back", [5], async (scene, protocolVersion) => {
  const options = {
    protocolVersion,
    clientId: scene.topic("c").replace("/", ""),
    clean: false,
    properties: { sessionExpiryInterval: 600 },
  };
  const first = await open(scene, options);
  await first.subscribeAsync(scene.topic(), { qos: 1 });
  await first.endAsync();
  const publisher = await open(scene, { protocolVersion });
  await publisher.publishAsync(scene.topic(), "short", { qos: 1, properties: { messageExpiryInterval: 1 } });
  await publisher.publishAsync(scene.topic(), "long", { qos: 1, properties: { messageExpiryInterval: 600 } });
  await pause(2_200);
  const again = await open(scene, options);
  expect((await again.ear.next()).text).toBe("long");
});

withClient("topic aliases the client assigns stand for their topics", [5], async (scene, protocolVersion) => {
  const client = await open(scene, { protocolVersion, autoAssignTopicAlias: true, properties: { topicAliasMaximum: 5 } });
  await client.subscribeAsync(scene.topic("#"), { qos: 1 });
  for (let count = 0; count < 12; count++) {
    await client.publishAsync(scene.topic(`${count % 3}`), `${count}`, { qos: 1 });
    expect((await client.ear.next()).text).toBe(`${count}`);
  }
});

withClient("subscription identifiers, No Local and shared subscriptions do what they say", [5], async (scene, protocolVersion) => {
  const [client, other] = [await open(scene, { protocolVersion }), await open(scene, { protocolVersion })];
  await client.subscribeAsync(scene.topic("id"), { qos: 1, nl: true, properties: { subscriptionIdentifier: 9 } });
  await client.subscribeAsync(`$share/g/${scene.topic("shared")}`, { qos: 1 });
  await other.subscribeAsync(`$share/g/${scene.topic("shared")}`, { qos: 1 });
  await client.publishAsync(scene.topic("id"), "own", { qos: 1 });
  await other.publishAsync(scene.topic("id"), "other's", { qos: 1 });
  expect(await client.ear.next()).toMatchObject({ text: "other's", properties: { subscriptionIdentifier: 9 } });
  const total = 10;
  let heard = 0;
  const all = new Promise<void>((resolve) => {
    for (const member of [client, other]) member.on("message", () => void (++heard === total && resolve()));
  });
  for (let count = 0; count < total; count++) await other.publishAsync(scene.topic("shared"), `${count}`, { qos: 1 });
  await all;
  await pause(50);
  expect(heard).toBe(total);
});
