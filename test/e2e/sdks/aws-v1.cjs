// A thing of AWS's SDK for JavaScript, version 1. argv: the thing's name and the options that its users write, as JSON.
"use strict";
const { listen, say, sdk } = require("./lines.cjs");

const { thingShadow } = sdk("aws-iot-device-sdk");
const [thing, options] = process.argv.slice(2);
const shadows = thingShadow(JSON.parse(options));

shadows.on("connect", () => say("connected"));
shadows.on("error", (error) => say("error", { why: error.message }));
shadows.on("close", () => say("closed"));
shadows.on("message", (topic, payload) => say("message", { topic, payload: payload.toString() }));
shadows.on("status", (_thing, status, clientToken, state) => say("status", { status, clientToken, state }));
shadows.on("delta", (_thing, state) => say("delta", { state }));
shadows.on("foreignStateChange", (_thing, operation, state) => say("foreign", { operation, state }));
shadows.on("timeout", (_thing, clientToken) => say("timeout", { clientToken }));

listen({
  register: () => shadows.register(thing, {}, (error) => say("registered", { why: error?.message })),
  update: (state) => say("token", { clientToken: shadows.update(thing, { state }) }),
  get: () => say("token", { clientToken: shadows.get(thing) }),
  remove: () => say("token", { clientToken: shadows.delete(thing) }),
  subscribe: (topic) => shadows.subscribe(topic, { qos: 1 }, (error) => say("subscribed", { topic, why: error?.message })),
  publish: (topic, payload) => shadows.publish(topic, payload, { qos: 1 }, (error) => say("published", { topic, why: error?.message })),
});
