import type { DeviceApi } from "@mooring/contracts";
import { type AddressRules, type Clock, type Log, type Metrics, monotonicClock } from "@mooring/kit";
import { createSealer } from "@mooring/pki";
import { createAuthenticationOperations } from "./authentication.ts";
import { createCertificateOperations } from "./certificates.ts";
import { createChangeFeed } from "./change-feed.ts";
import { createClaimOperations } from "./claims.ts";
import { createDeviceOperations } from "./devices.ts";
import { createEnrollmentOperations } from "./enrollment.ts";
import type { FailureBook } from "./failure-book.ts";
import { createFailureOperations } from "./failures.ts";
import { createForeignAuthorityOperations } from "./foreign-authorities.ts";
import { createForeignCertificateOperations, createWelcome } from "./foreign-certificates.ts";
import { createAskHook } from "./hook.ts";
import { createOwnAuthorityOperations } from "./own-authorities.ts";
import type { DeviceStores, ModelDirectory } from "./ports.ts";
import { createProductOperations } from "./products.ts";
import { createProvisioningOperations } from "./provisioning.ts";
import { createPublicKeyOperations } from "./public-keys.ts";
import { createRevocationListOperations } from "./revocation-lists.ts";
import { createRevocationStatusOperations } from "./revocation-status.ts";
import { createSecretOperations } from "./secrets.ts";
import { assertTenantHost } from "./server-name.ts";
import { createTopologyOperations } from "./topology.ts";
import { createConclude } from "./verdict.ts";

export interface DeviceServiceDeps {
  readonly stores: DeviceStores;
  readonly models: ModelDirectory;
  /** 32 bytes. Authorities' private keys and device secrets are sealed with it. */
  readonly keyEncryptionKey: Uint8Array;
  /** Started by whoever made it. */
  readonly failures: FailureBook;
  /** Where the REST API is reached from outside, such as `http://pki.example.com:8080`; see certificates.ts. */
  readonly statusUrl?: string | undefined;
  /** Under which tenants have host names; see server-name.ts. */
  readonly tenantHost?: string | undefined;
  /** Where the hooks of claims may be. */
  readonly rules: AddressRules;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Products, devices and their credentials: who exists and how it proves it. Throws invalidArgument for a key of the wrong size, StartError for a tenantHost that is none. */
export function createDeviceService(deps: DeviceServiceDeps): DeviceApi {
  const { stores, models, failures, clock, log, metrics } = deps;
  const { products, devices, certificates, authorities, lists, credentials, secrets, publicKeys, topology, claims } = stores;
  const { tenantHost } = deps;
  assertTenantHost(tenantHost);
  const sealer = createSealer([deps.keyEncryptionKey]);
  const issued = { devices, certificates, authorities };
  const issuing = { authorities, products, sealer, clock, statusUrl: deps.statusUrl };
  const conclude = createConclude({ failures, log, metrics });
  const askHook = createAskHook({ rules: deps.rules, clock });
  const welcome = createWelcome({ ...issued, suspensions: stores.suspensions, clock, log });
  const foreign = { authorities, lists, products, tenantHost, clock };
  return {
    ...createProductOperations({ products, models, clock }),
    ...createDeviceOperations({ products, devices, clock }),
    ...createCertificateOperations({ ...issued, ...issuing }),
    ...createEnrollmentOperations({ ...issued, ...issuing, tenantHost }),
    ...createClaimOperations({ ...issuing, claims }),
    ...createProvisioningOperations({ ...issuing, claims, askHook, failures, log, metrics }, conclude),
    ...createForeignCertificateOperations({ ...issued, claims, clock, log }),
    ...createOwnAuthorityOperations({ authorities, sealer, tenantHost, clock, statusUrl: deps.statusUrl }),
    ...createForeignAuthorityOperations(foreign),
    ...createRevocationListOperations(foreign),
    ...createRevocationStatusOperations({ authorities, sealer, clock }),
    ...createSecretOperations({ products, devices, secrets, sealer, clock }),
    ...createPublicKeyOperations({ devices, publicKeys, clock }),
    ...createAuthenticationOperations({ credentials, secrets, claims, welcome, tenantHost, sealer, clock }, conclude),
    ...createTopologyOperations({ devices, topology, credentials, sealer, clock }),
    ...createFailureOperations({ devices, store: stores.failures, book: failures, clock }),
    ...createChangeFeed({ changes: stores.changes, clock: monotonicClock }),
  };
}
