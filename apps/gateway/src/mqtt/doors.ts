// All MQTT listeners of a node: those of devices and back ends, and the development listener with limits of its own.
import type { Running, ServerTls } from "@mooring/kit";
import type { Addresses } from "../gateway.ts";
import type { DevelopmentOptions, GatewayLimits, GatewayOptions } from "../ports.ts";
import type { ConnackLimits } from "./acceptance.ts";
import type { ChannelLimits } from "./channel.ts";
import { createMqttDoor, type MqttDoor, type MqttDoorDeps } from "./listen.ts";
import { developmentRights } from "./rights.ts";
import { createWelcome, type WelcomeDeps } from "./welcome.ts";

export interface MqttDoors extends Running {
  open(options: GatewayOptions): Promise<Addresses>;
  /** Asks whether connections are to hold back. */
  judgeCongestion(): void;
  replaceTls(tls: ServerTls): void;
}

export type MqttDoorsDeps = Omit<MqttDoorDeps, "welcome" | "limits"> & Omit<WelcomeDeps, "connack" | "clientLimits" | "limits">;

export function createMqttDoors(deps: MqttDoorsDeps, limits: GatewayLimits): MqttDoors {
  const { topicBytesMax, topicLevelsMax, keptSubscriptionsMax } = limits;
  const deviceLimits: ChannelLimits = {
    topicBytesMax: limits.deviceTopicBytesMax,
    topicLevelsMax: limits.deviceTopicLevelsMax,
    subscriptionsMax: limits.subscriptionsMax,
    keptSubscriptionsMax,
    publishRateMax: limits.publishRateMax,
  };
  const clientLimits: ChannelLimits = {
    ...{ topicBytesMax, topicLevelsMax, keptSubscriptionsMax },
    subscriptionsMax: limits.clientSubscriptionsMax,
    publishRateMax: limits.clientPublishRateMax,
  };
  const doors: MqttDoor[] = [];
  const createDoor = (connack: ConnackLimits): MqttDoor => {
    const welcome = createWelcome({ ...deps, limits: deviceLimits, clientLimits, connack });
    const door = createMqttDoor({ ...deps, welcome, limits: { ...limits, ...connack } });
    doors.push(door);
    return door;
  };

  const openForAll = async (options: GatewayOptions): Promise<Addresses> => {
    const door = createDoor(limits);
    const { tls, mqttsListen, mqttListen, mqttPskListen, mqttWsListen, mqttWssListen } = options;
    const addresses: Addresses = {};
    if (mqttsListen !== undefined) addresses.mqtts = await door.listen({ address: mqttsListen, tls });
    if (mqttListen !== undefined) addresses.mqtt = await door.listen({ address: mqttListen });
    if (mqttPskListen !== undefined) addresses.mqttPsk = await door.listen({ address: mqttPskListen, preShared: true });
    if (mqttWsListen !== undefined) addresses.mqttWs = await door.listen({ address: mqttWsListen, webSocket: true });
    if (mqttWssListen !== undefined) addresses.mqttWss = await door.listen({ address: mqttWssListen, tls, webSocket: true });
    return addresses;
  };
  const openForDevelopment = async (options: DevelopmentOptions, tls: ServerTls): Promise<Addresses> => {
    const { mqttDevListen, mqttDevWsListen, mqttDevTlsListen, mqttDevTenant: tenantId } = options;
    const addresses: Addresses = {};
    if (mqttDevListen === undefined && mqttDevWsListen === undefined && mqttDevTlsListen === undefined) return addresses;
    const receiveMaximum = options.mqttDevReceiveMaximum;
    const door = createDoor({
      ...limits,
      keepAliveSMin: 0,
      keepAliveSMax: options.mqttDevKeepAliveS,
      receiveMaximum,
      inFlightMax: Math.min(receiveMaximum, 32_767),
    });
    const rights = developmentRights(options.mqttDevRefusedFilters.split(",").map((filter) => filter.trim()));
    const anonymous = { tenantId, rights };
    if (mqttDevListen !== undefined) addresses.mqttDev = await door.listen({ address: mqttDevListen, anonymous });
    if (mqttDevWsListen !== undefined) addresses.mqttDevWs = await door.listen({ address: mqttDevWsListen, webSocket: true, anonymous });
    if (mqttDevTlsListen !== undefined) addresses.mqttDevTls = await door.listen({ address: mqttDevTlsListen, tls, anonymous });
    return addresses;
  };

  return {
    async open(options) {
      const addresses = await openForAll(options);
      const { development, tls } = options;
      return development === undefined ? addresses : { ...addresses, ...(await openForDevelopment(development, tls)) };
    },
    judgeCongestion() {
      const isCongested = deps.isCongested();
      for (const door of doors) door.setCongested(isCongested);
    },
    replaceTls(tls) {
      for (const door of doors) door.replaceTls(tls);
    },
    async stop() {
      await Promise.all(doors.map((door) => door.stop()));
    },
  };
}
