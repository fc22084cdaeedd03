import type { Database } from "@mooring/db";
import type { DeviceStores } from "../ports.ts";
import { createAuthorityStore } from "./authority-store.ts";
import { createCertificateStore } from "./certificate-store.ts";
import { createChangeLog } from "./change-log.ts";
import { createClaimStore } from "./claim-store.ts";
import { createCredentialStore } from "./credential-store.ts";
import { createDeviceEventStore } from "./device-event-store.ts";
import { createDeviceStore } from "./device-store.ts";
import { createFailureStore } from "./failure-store.ts";
import { createListStore } from "./list-store.ts";
import { createProductStore } from "./product-store.ts";
import { createPublicKeyStore } from "./public-key-store.ts";
import { createSecretStore } from "./secret-store.ts";
import { createSuspensionStore } from "./suspension-store.ts";
import { createTopologyStore } from "./topology-store.ts";

export interface DeviceDatabases {
  /** For people and programs that manage devices, and the feed of changes. */
  readonly control: Database;
  /** For devices that sign on: a pool of its own, so that a slow listing cannot hold up a reconnecting fleet, nor the other way round. */
  readonly authentication: Database;
}

/** Everything devices keeps, in Postgres. */
export function createPostgresDeviceStores({ control, authentication }: DeviceDatabases): DeviceStores {
  const changes = createChangeLog(control);
  return {
    products: createProductStore(control, changes),
    devices: createDeviceStore(control, changes),
    certificates: createCertificateStore(control, changes),
    authorities: createAuthorityStore(control, changes),
    lists: createListStore(control, changes),
    credentials: createCredentialStore(authentication),
    secrets: createSecretStore(control, changes),
    publicKeys: createPublicKeyStore(control, changes),
    topology: createTopologyStore(control, changes),
    failures: createFailureStore(control),
    claims: createClaimStore(control, changes),
    suspensions: createSuspensionStore(control, changes),
    changes,
    events: createDeviceEventStore(control),
  };
}
