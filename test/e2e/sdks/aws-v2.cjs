// A thing of AWS's SDK for JavaScript, version 2, which is C below. argv: the MQTT version (311 or 5), the thing's name, and where it connects, as JSON.
"use strict";
const { listen, say, sdk } = require("./lines.cjs");

const { iot, iotidentity, iotshadow, mqtt, mqtt5 } = sdk("aws-iot-device-sdk-v2");
const [version, thingName] = process.argv.slice(2);
const { host, port, caPath, certPath, keyPath, clientId } = JSON.parse(process.argv[4]);
const limits = { maxRequestResponseSubscriptions: 8, maxStreamingSubscriptions: 4, operationTimeoutInSeconds: 20 };

function startMqtt5() {
  const client = new mqtt5.Mqtt5Client(
    iot.AwsIotMqtt5ClientConfigBuilder.newDirectMqttBuilderWithMtlsFromPath(host, certPath, keyPath)
      .withCertificateAuthorityFromPath(undefined, caPath)
      .withPort(port)
      .withConnectProperties({ clientId, keepAliveIntervalSeconds: 60 })
      .build(),
  );
  client.on("connectionSuccess", () => say("connected"));
  client.on("connectionFailure", ({ error, connack }) => say("error", { why: `${error}`, reasonCode: connack?.reasonCode }));
  client.on("disconnection", ({ disconnect }) => say("closed", { reasonCode: disconnect?.reasonCode }));
  client.on("messageReceived", ({ message }) =>
    say("message", { topic: message.topicName, payload: Buffer.from(message.payload).toString() }),
  );
  client.start();
  return {
    shadows: iotshadow.IotShadowClientv2.newFromMqtt5(client, limits),
    identities: iotidentity.IotIdentityClientv2.newFromMqtt5(client, limits),
    publish: async (topicName, payload) => (await client.publish({ topicName, payload, qos: 1 })).reasonCode,
    subscribe: async (topicFilter) => (await client.subscribe({ subscriptions: [{ topicFilter, qos: 1 }] })).reasonCodes[0],
  };
}

function startMqtt311() {
  const configuration = iot.AwsIotMqttConnectionConfigBuilder.new_mtls_builder_from_path(certPath, keyPath)
    .with_certificate_authority_from_path(undefined, caPath)
    .with_endpoint(host)
    .with_port(port)
    .with_client_id(clientId)
    .build();
  const connection = new mqtt.MqttClient().new_connection(configuration);
  connection.on("connection_success", () => say("connected"));
  connection.on("connection_failure", ({ error }) => say("error", { why: `${error}` }));
  connection.on("interrupt", (error) => say("closed", { why: `${error}` }));
  connection.on("message", (topic, payload) => say("message", { topic, payload: Buffer.from(payload).toString() }));
  connection.connect().catch(() => undefined);
  return {
    shadows: iotshadow.IotShadowClientv2.newFromMqtt311(connection, limits),
    identities: iotidentity.IotIdentityClientv2.newFromMqtt311(connection, limits),
    publish: (topic, payload) => connection.publish(topic, payload, mqtt.QoS.AtLeastOnce).then(() => 0),
    subscribe: (topic) => connection.subscribe(topic, mqtt.QoS.AtLeastOnce).then(({ error_code }) => error_code ?? 0),
  };
}

const { shadows, identities, publish, subscribe } = version === "5" ? startMqtt5() : startMqtt311();

function follow(event, stream) {
  stream.on("incomingPublish", ({ message }) => say(event, { message }));
  stream.on("subscriptionStatus", ({ type, error }) => say("following", { what: event, type, why: error?.message }));
  stream.open();
}

listen({
  follow: () => {
    follow("delta", shadows.createShadowDeltaUpdatedStream({ thingName }));
    follow("documents", shadows.createShadowUpdatedStream({ thingName }));
  },
  update: async (state, more = {}) => say("updated", { answer: await shadows.updateShadow({ thingName, state, ...more }) }),
  get: async () => say("got", { answer: await shadows.getShadow({ thingName }) }),
  remove: async () => say("removed", { answer: await shadows.deleteShadow({ thingName }) }),
  updateNamed: async (shadowName, state) => say("updated", { answer: await shadows.updateNamedShadow({ thingName, shadowName, state }) }),
  getNamed: async (shadowName) => say("got", { answer: await shadows.getNamedShadow({ thingName, shadowName }) }),
  createKeys: async () => say("created", { answer: await identities.createKeysAndCertificate({}) }),
  registerThing: async (templateName, certificateOwnershipToken, parameters) =>
    say("registered", { answer: await identities.registerThing({ templateName, certificateOwnershipToken, parameters }) }),
  publish: async (topic, payload) => say("published", { topic, reasonCode: await publish(topic, payload) }),
  subscribe: async (topic) => say("subscribed", { topic, reasonCode: await subscribe(topic) }),
});
