import type { SubDevice } from "@mooring/contracts";
import { z } from "zod";
import type { Routes, Services } from "../route.ts";
import { deviceName, devicePath, nextPageToken, noQuery, pageEnd, pageQuery, productKey, time, toTime } from "./schemas.ts";

const collection = "/v1/products/:productKey/devices/:deviceName/sub-devices";
const tags = ["devices"];
const subDeviceAnswer = z.object({ productKey: z.string(), deviceName: z.string(), deviceId: z.string(), addedAt: time });
const subDevicePath = devicePath.extend({ subProductKey: productKey, subDeviceName: deviceName });

/** Which devices a gateway device speaks for. */
export function subDeviceRoutes(app: Routes, { devices }: Services): void {
  app.post(
    collection,
    {
      config: { operation: "devices.addSubDevice", problems: ["notFound", "alreadyExists", "failedPrecondition", "quotaExceeded"] },
      schema: {
        tags,
        summary: "Lets a gateway device speak for another one of the tenant; a device has one gateway, and a gateway has none",
        params: devicePath,
        querystring: noQuery,
        body: z.strictObject({ productKey, deviceName }),
        response: { 200: subDeviceAnswer },
      },
    },
    async (request) => toAnswer(await devices.addSubDevice(request.caller, { ...request.params, subDevice: request.body })),
  );
  app.get(
    collection,
    {
      config: { operation: "devices.listSubDevices", problems: ["notFound"] },
      schema: {
        tags,
        summary: "The devices a gateway device speaks for, page by page",
        params: devicePath,
        querystring: pageQuery,
        response: { 200: z.object({ subDevices: z.array(subDeviceAnswer), nextPageToken }) },
      },
    },
    async (request) => {
      const page = await devices.listSubDevices(request.caller, { ...request.query, ...request.params });
      return { subDevices: page.subDevices.map(toAnswer), ...pageEnd(page) };
    },
  );
  app.delete(
    `${collection}/:subProductKey/:subDeviceName`,
    {
      config: { operation: "devices.removeSubDevice", problems: ["notFound"] },
      schema: {
        tags,
        summary: "The gateway speaks for this device no longer; within two seconds nothing is taken from it in its name",
        params: subDevicePath,
        querystring: noQuery,
        response: { 204: z.undefined().describe("It does not.") },
      },
    },
    async (request, reply) => {
      const { subProductKey, subDeviceName, ...gateway } = request.params;
      await devices.removeSubDevice(request.caller, { ...gateway, subDevice: { productKey: subProductKey, deviceName: subDeviceName } });
      return reply.code(204).send();
    },
  );
}

function toAnswer({ productKey, deviceName, deviceId, addedAtMs }: SubDevice): z.output<typeof subDeviceAnswer> {
  return { productKey, deviceName, deviceId, addedAt: toTime(addedAtMs) };
}
