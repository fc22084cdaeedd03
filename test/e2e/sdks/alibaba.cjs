// A device of Alibaba's SDK for Node.js. argv: the configuration that its users write, as JSON.
"use strict";
const { listen, say, sdk } = require("./lines.cjs");

const iot = sdk("alibabacloud-iot-device-sdk");
const [configuration, register] = process.argv.slice(2).map((text) => JSON.parse(text));

if (register) iot.register(configuration, (answer) => say("registered", { answer }));
else {
  const device = iot.device(configuration);
  device.on("connect", () => say("connected"));
  device.on("error", (errors) => say("error", { why: String(errors) }));
  device.on("close", () => say("closed"));
  device.on("message", (topic, payload) => say("message", { topic, payload: payload.toString() }));
  device.onProps((message) => say("set", { message }));
  device.onShadow((message) => say("shadow", { message }));
  listen({
    postProps: (values) => device.postProps(values, (answer) => say("posted", { answer })),
    postEvent: (name, values) => device.postEvent(name, values, (answer) => say("eventPosted", { answer })),
    /** Answers each call with `data`, as `kind`: sync or async. */
    onService: (name, data, kind) =>
      device.onService(name, (message, reply) => {
        say("called", { message });
        reply({ id: message.id, code: 200, data }, kind);
      }),
    getShadow: () => device.getShadow(),
    postShadow: (reported) => device.postShadow(reported),
    deleteShadow: (names) => device.deleteShadow(names),
    subscribe: (topic) => device.subscribe(topic, (error) => say("subscribed", { topic, why: error?.message })),
    publish: (topic, payload) => device.publish(topic, payload, { qos: 1 }, (error) => say("published", { topic, why: error?.message })),
    end: () => device.end(),
  });
}
