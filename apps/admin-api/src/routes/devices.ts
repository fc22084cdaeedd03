import { type Device, type DeviceApi, tagsMax } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { deviceName, devicePath, nextPageToken, noQuery, pageEnd, pageQuery, productPath, tagsOf, time, toTime } from "./schemas.ts";

const collection = "/v1/products/:productKey/devices";
const resource = `${collection}/:deviceName`;
const status = z.enum(["enabled", "disabled"]);
const deviceAnswer = z.object({
  productKey: z.string(),
  deviceName: z.string(),
  deviceId: z.string().describe("Never reused: a device created again under its old name has another one."),
  status: z.string(),
  tags: z.record(z.string(), z.string()).describe("For operators to sort by, and for subscriptions to filter by."),
  createdAt: time,
});
const tagsBody = z.strictObject({
  tags: tagsOf(tagsMax).describe(`Names and values, at most ${tagsMax}. An empty object takes all tags away.`),
});
const tags = ["devices"];

export function deviceRoutes(app: Routes, { devices }: Services): void {
  collectionRoutes(app, devices);
  resourceRoutes(app, devices);
}

function collectionRoutes(app: Routes, devices: DeviceApi): void {
  app.post(
    collection,
    {
      config: { operation: "devices.createDevice", problems: ["notFound", "alreadyExists", "quotaExceeded"] },
      schema: {
        tags,
        summary: "Creates a device",
        params: productPath,
        querystring: noQuery,
        body: z.strictObject({ deviceName }),
        response: { 201: deviceAnswer },
      },
    },
    async (request, reply) => {
      const device = await devices.createDevice(request.caller, { ...request.params, ...request.body });
      reply.code(201).header("location", `/v1/products/${device.productKey}/devices/${encodeURIComponent(device.deviceName)}`);
      return toAnswer(device);
    },
  );
  app.get(
    collection,
    {
      config: { operation: "devices.listDevices", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Devices of a product, page by page",
        params: productPath,
        querystring: pageQuery,
        response: { 200: z.object({ devices: z.array(deviceAnswer), nextPageToken }) },
      },
    },
    async (request) => {
      const page = await devices.listDevices(request.caller, { ...request.query, ...request.params });
      return { devices: page.devices.map(toAnswer), ...pageEnd(page) };
    },
  );
}

function resourceRoutes(app: Routes, devices: DeviceApi): void {
  app.get(
    resource,
    {
      config: { operation: "devices.getDevice", problems: ["notFound"] },
      schema: { tags, summary: "One device", params: devicePath, querystring: noQuery, response: { 200: deviceAnswer } },
    },
    async (request) => toAnswer(await devices.getDevice(request.caller, request.params)),
  );
  app.patch(
    resource,
    {
      config: { operation: "devices.setDeviceStatus", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Enables or disables a device; a disabled one is disconnected and let in no more",
        params: devicePath,
        querystring: noQuery,
        body: z.strictObject({ status }),
        response: { 200: deviceAnswer },
      },
    },
    async (request) => toAnswer(await devices.setDeviceStatus(request.caller, { ...request.params, ...request.body })),
  );
  app.put(
    `${resource}/tags`,
    {
      config: { operation: "devices.setDeviceTags", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Replaces all tags of a device; subscriptions that filter by tags go by the new ones within seconds",
        params: devicePath,
        querystring: noQuery,
        body: tagsBody,
        response: { 200: deviceAnswer },
      },
    },
    async (request) => toAnswer(await devices.setDeviceTags(request.caller, { ...request.params, ...request.body })),
  );
  app.delete(
    resource,
    {
      config: { operation: "devices.deleteDevice", problems: ["notFound"] },
      schema: {
        tags,
        summary: "Deletes a device and its credentials; what it said stays in the log",
        params: devicePath,
        querystring: noQuery,
        response: { 204: z.undefined().describe("Deleted.") },
      },
    },
    async (request, reply) => {
      await devices.deleteDevice(request.caller, request.params);
      return reply.code(204).send();
    },
  );
}

function toAnswer(device: Device): z.output<typeof deviceAnswer> {
  const { productKey, deviceName, deviceId, status, tags } = device;
  return { productKey, deviceName, deviceId, status, tags, createdAt: toTime(device.createdAtMs) };
}
