import type { Product } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import {
  displayName,
  modelName,
  modelPin,
  nextPageToken,
  noQuery,
  pageEnd,
  pageQuery,
  productKey,
  productPath,
  time,
  toTime,
} from "./schemas.ts";

const validation = z
  .enum(["enforce", "flag", "off"])
  .describe("What happens to reports that do not fit the thing model: refused with reasons, stored and marked, or not looked at.");
const acknowledgement = z
  .enum(["persisted", "processed"])
  .describe("When a device's message is acknowledged: once it is durably stored, or once its shadow holds it as well, which takes longer.");
const pin = z.strictObject({ name: modelName, version: modelPin });
const subjectPart = z.string().min(1, "must not be empty").max(200, "must have at most 200 characters").exactOptional();
const certificateProfile = z
  .strictObject({
    validityDays: z.int("must be a whole number of days").min(1, "must be at least 1").max(3_650, "must be at most 3650").exactOptional(),
    organization: subjectPart,
    organizationalUnit: subjectPart,
  })
  .describe(
    "What certificates of its devices are like: for how long at most (1825 days, and up to 3650 when asked for, without it), and O and OU, with {productKey}, {deviceName} and {tenantId}. Given as a whole.",
  );
const settable = {
  validation: validation.exactOptional(),
  secretAuthentication: z
    .boolean()
    .exactOptional()
    .describe(
      "Whether devices may sign on with a device secret, a token or a pre-shared key instead of a certificate; false unless said otherwise.",
    ),
  legacySignatures: z
    .boolean()
    .exactOptional()
    .describe("Whether signatures by HMAC-MD5 are taken, for firmware that knows nothing better; false unless said otherwise."),
  registration: z
    .enum(["off", "known", "open"])
    .exactOptional()
    .describe("Whether devices may fetch what they sign on with by their product's secret: not at all, those created before, or any."),
  registeredDevicesMax: z
    .int("must be a whole number")
    .min(0, "must be at least 0")
    .max(1_000_000, "must be at most 1000000")
    .exactOptional()
    .describe("Devices that open registration may create in all; 1,000 unless said otherwise."),
  thingModel: pin.exactOptional(),
  certificateProfile: certificateProfile.exactOptional(),
  acknowledgement: acknowledgement.exactOptional(),
  historyDays: z
    .int("must be a whole number of days")
    .min(1, "must be at least 1")
    .max(3_650, "must be at most 3650")
    .exactOptional()
    .describe("How long the history of properties is kept; 90 unless said otherwise. Less takes effect at once for queries."),
  deduplicateIds: z
    .boolean()
    .exactOptional()
    .describe("Whether a report with the id of an earlier one, within the deduplication window, is acknowledged and not stored again."),
  pushDelta: z
    .boolean()
    .exactOptional()
    .describe(
      "Whether a device is sent the open delta of its shadow when it subscribes to deltas; false unless said otherwise: it asks with get.",
    ),
};
const createBody = z.strictObject({
  productKey: productKey.exactOptional().describe("Made up when absent."),
  name: displayName,
  ...settable,
});
const updateBody = z
  .strictObject({ name: displayName.exactOptional(), ...settable })
  .refine((body) => Object.keys(body).length > 0, "must name at least one field to change");
const productAnswer = z.object({
  productKey: z.string(),
  name: z.string(),
  validation: z.string(),
  secretAuthentication: z.boolean(),
  legacySignatures: z.boolean(),
  registration: z.string(),
  registeredDevicesMax: z.int(),
  thingModel: z.object({ name: z.string(), version: z.string() }).optional(),
  certificateProfile: z
    .object({ validityDays: z.int().optional(), organization: z.string().optional(), organizationalUnit: z.string().optional() })
    .optional(),
  acknowledgement: z.string(),
  historyDays: z.int(),
  deduplicateIds: z.boolean(),
  pushDelta: z.boolean(),
  createdAt: time,
});
const tags = ["products"];

export function productRoutes(app: Routes, { devices }: Services): void {
  app.post(
    "/v1/products",
    {
      config: { operation: "devices.createProduct", problems: ["alreadyExists", "quotaExceeded"] },
      schema: { tags, summary: "Creates a product", querystring: noQuery, body: createBody, response: { 201: productAnswer } },
    },
    async (request, reply) => {
      const product = await devices.createProduct(request.caller, request.body);
      reply.code(201).header("location", `/v1/products/${product.productKey}`);
      return toAnswer(product);
    },
  );
  app.get(
    "/v1/products",
    {
      config: { operation: "devices.listProducts" },
      schema: {
        tags,
        summary: "Products, page by page",
        querystring: pageQuery,
        response: { 200: z.object({ products: z.array(productAnswer), nextPageToken }) },
      },
    },
    async (request) => {
      const page = await devices.listProducts(request.caller, request.query);
      return { products: page.products.map(toAnswer), ...pageEnd(page) };
    },
  );
  app.get(
    "/v1/products/:productKey",
    {
      config: { operation: "devices.getProduct", problems: ["notFound"] },
      schema: { tags, summary: "One product", params: productPath, querystring: noQuery, response: { 200: productAnswer } },
    },
    async (request) => toAnswer(await devices.getProduct(request.caller, request.params)),
  );
  app.patch(
    "/v1/products/:productKey",
    {
      config: { operation: "devices.updateProduct", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Changes a product; fields that are absent stay as they are",
        params: productPath,
        querystring: noQuery,
        body: updateBody,
        response: { 200: productAnswer },
      },
    },
    async (request) => toAnswer(await devices.updateProduct(request.caller, { ...request.body, ...request.params })),
  );
}

function toAnswer(product: Product): z.output<typeof productAnswer> {
  return {
    productKey: product.productKey,
    name: product.name,
    validation: product.validation,
    secretAuthentication: product.secretAuthentication,
    legacySignatures: product.legacySignatures,
    registration: product.registration,
    registeredDevicesMax: product.registeredDevicesMax,
    ...(product.thingModel === undefined ? {} : { thingModel: { name: product.thingModel.name, version: product.thingModel.version } }),
    ...(product.certificateProfile === undefined ? {} : { certificateProfile: { ...product.certificateProfile } }),
    acknowledgement: product.acknowledgement,
    historyDays: product.historyDays,
    deduplicateIds: product.deduplicateIds,
    pushDelta: product.pushDelta,
    createdAt: toTime(product.createdAtMs),
  };
}
