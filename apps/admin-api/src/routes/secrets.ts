import type { ConnectionFailure, DeviceApi, DevicePublicKey, NewSecret } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { devicePath, fingerprint, noQuery, productPath, time, toTime } from "./schemas.ts";

const product = "/v1/products/:productKey";
const device = `${product}/devices/:deviceName`;
const tags = ["credentials"];

const secretAnswer = z.object({
  secret: z.string().describe("64 hex digits. Shown in this answer and never again."),
  version: z.int(),
  previousValidUntil: time
    .optional()
    .describe("Until when the secret before works as well; absent when it does no longer, or there was none."),
});
// Fastify gives the schema null when there is no body.
const overlapBody = z.preprocess(
  (body) => body ?? {},
  z.strictObject({
    overlapSeconds: z
      .int("must be a whole number of seconds")
      .min(0, "must be at least 0")
      .max(2_592_000, "must be at most 2592000")
      .exactOptional()
      .describe("How long the secret before works as well: 0, at most 30 days. Absent, it stops at once."),
  }),
);
const keyAnswer = z.object({
  keyId: z.string().describe("SHA-256 of the key's SubjectPublicKeyInfo, lower-case hex: what a token may name as kid."),
  algorithm: z.string().describe("EdDSA or ES256."),
  createdAt: time,
});
const failureAnswer = z.object({
  reason: z.string().describe("A word for programs, such as wrong-signature."),
  message: z.string().describe("What is wrong, and what to look at."),
  proven: z
    .boolean()
    .describe("Who tried held a credential of the device, a certificate or a key. Otherwise anybody may have said its name."),
  protocol: z.string().describe("What the device spoke: mqtt-3.1.1, mqtt-5.0, mqtt-psk (in the handshake), https."),
  address: z.string().describe("Where it came from. Empty, as protocol is then: from further places, counted together."),
  count: z.int().describe("How often this happened."),
  firstAt: time,
  lastAt: time,
  heldOffUntil: time
    .optional()
    .describe("With held-off, while it lasts: until when sign-ons from there are refused without a look. A change of the device ends it."),
});

export function secretRoutes(app: Routes, { devices }: Services): void {
  newSecretRoutes(app, devices);
  publicKeyRoutes(app, devices);
  app.get(
    `${device}/connection-failures`,
    {
      config: { operation: "devices.listConnectionFailures", problems: ["notFound"] },
      schema: {
        tags: ["devices"],
        summary: "Why a device cannot connect: its refused sign-ons of the last 7 days, newest first, those alike counted; best effort",
        params: devicePath,
        querystring: noQuery,
        response: { 200: z.object({ failures: z.array(failureAnswer) }) },
      },
    },
    async (request) => {
      const { failures } = await devices.listConnectionFailures(request.caller, request.params);
      return { failures: failures.map(toFailure) };
    },
  );
}

function newSecretRoutes(app: Routes, devices: DeviceApi): void {
  app.post(
    `${device}/secret`,
    {
      config: { operation: "devices.rotateDeviceSecret", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary: "Makes a new device secret; the one before stops working, at once or after an overlap",
        params: devicePath,
        querystring: noQuery,
        body: overlapBody,
        response: { 201: secretAnswer },
      },
    },
    async (request, reply) => {
      reply.code(201);
      return toSecret(await devices.rotateDeviceSecret(request.caller, { ...request.params, ...request.body }));
    },
  );
  app.post(
    `${product}/secret`,
    {
      config: { operation: "devices.createProductSecret", problems: ["notFound", "failedPrecondition"] },
      schema: {
        tags,
        summary: "Makes a new secret that devices of the product register with; the one before stops working, at once or after an overlap",
        params: productPath,
        querystring: noQuery,
        body: overlapBody,
        response: { 201: secretAnswer },
      },
    },
    async (request, reply) => {
      reply.code(201);
      return toSecret(await devices.createProductSecret(request.caller, { ...request.params, ...request.body }));
    },
  );
}

function publicKeyRoutes(app: Routes, devices: DeviceApi): void {
  app.post(
    `${device}/public-keys`,
    {
      config: {
        operation: "devices.addPublicKey",
        problems: ["notFound", "quotaExceeded"],
        pointers: { "/publicKeyPem": "/publicKey" },
      },
      schema: {
        tags,
        summary: "Registers a key whose private half the device signs JSON Web Tokens with: Ed25519 or P-256, at most 5. Idempotent",
        params: devicePath,
        querystring: noQuery,
        body: z.strictObject({ publicKey: z.string("must be a public key in PEM").max(4_096, "must have at most 4096 characters") }),
        response: { 201: keyAnswer },
      },
    },
    async (request, reply) => {
      reply.code(201);
      return toKey(await devices.addPublicKey(request.caller, { ...request.params, publicKeyPem: request.body.publicKey }));
    },
  );
  app.get(
    `${device}/public-keys`,
    {
      config: { operation: "devices.listPublicKeys", problems: ["notFound"] },
      schema: {
        tags,
        summary: "The public keys of a device",
        params: devicePath,
        querystring: noQuery,
        response: { 200: z.object({ keys: z.array(keyAnswer) }) },
      },
    },
    async (request) => ({ keys: (await devices.listPublicKeys(request.caller, request.params)).keys.map(toKey) }),
  );
  app.delete(
    `${device}/public-keys/:keyId`,
    {
      config: { operation: "devices.deletePublicKey", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Takes a public key away; connections made with it end within 2 s",
        params: z.strictObject({ ...devicePath.shape, keyId: fingerprint }),
        querystring: noQuery,
        response: { 204: z.undefined().describe("Deleted.") },
      },
    },
    async (request, reply) => {
      await devices.deletePublicKey(request.caller, request.params);
      return reply.code(204).send();
    },
  );
}

function toSecret({ secret, version, previousValidUntilMs: untilMs }: NewSecret): z.output<typeof secretAnswer> {
  return { secret, version, ...(untilMs === undefined ? {} : { previousValidUntil: toTime(untilMs) }) };
}

function toKey({ keyId, algorithm, createdAtMs }: DevicePublicKey): z.output<typeof keyAnswer> {
  return { keyId, algorithm, createdAt: toTime(createdAtMs) };
}

function toFailure({ firstAtMs, lastAtMs, heldOffUntilMs, ...failure }: ConnectionFailure): z.output<typeof failureAnswer> {
  const until = heldOffUntilMs === undefined ? {} : { heldOffUntil: toTime(heldOffUntilMs) };
  return { ...failure, firstAt: toTime(firstAtMs), lastAt: toTime(lastAtMs), ...until };
}
