export { deviceSettings } from "./config.ts";
export { type EventRelayDeps, startEventRelay as startDeviceEventRelay } from "./event-relay.ts";
export { createFailureBook, type FailureBook } from "./failure-book.ts";
export { type ListFetcherDeps, startListFetcher } from "./list-fetcher.ts";
export type { ChangeStore, DeviceStores, ModelDirectory } from "./ports.ts";
export { createPostgresDeviceStores, type DeviceDatabases } from "./postgres/stores.ts";
export { createDeviceService, type DeviceServiceDeps } from "./service.ts";
export { startTenantAuthorities, type TenantAuthoritiesDeps } from "./tenant-authorities.ts";
export { startSuspensions as startDeviceSuspensions, startUpkeep as startDeviceUpkeep } from "./upkeep.ts";
