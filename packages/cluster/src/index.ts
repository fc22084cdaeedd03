export { type Broadcast, type BroadcastHandler, broadcastBytesMax, type SubscribeOptions } from "./broadcast.ts";
export type { Cluster } from "./cluster.ts";
export { createDeviceGateways, type DeviceGateways, type DeviceGatewaysDeps } from "./device-gateways.ts";
export { createMemoryCluster, type MemoryClusterDeps } from "./memory/cluster.ts";
export {
  deadAfterMs,
  heartbeatMs,
  type LiveNode,
  type NodeInfo,
  type NodeKind,
  type Nodes,
  nodeNumberMax,
  type RegisterOptions,
  type Registration,
} from "./nodes.ts";
export {
  type Claimed,
  connectionsPerDeviceMax,
  type Evicted,
  evictedMax,
  type Presence,
  type PresenceClaim,
  type PresenceEntry,
  type Released,
} from "./presence.ts";
export { openRedisCluster, type RedisClusterOptions } from "./redis/cluster.ts";
export { clusterSettings } from "./settings.ts";
export { followSuspendedTenants, type SuspendedTenantsDeps } from "./suspended-tenants.ts";
