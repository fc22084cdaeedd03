import type { DeviceApi } from "@mooring/contracts";
import { type Clock, type Log, type Metrics, monotonicClock } from "@mooring/kit";
import { createSealer } from "@mooring/pki";
import { createAuthenticationOperations } from "./authentication.ts";
import { createCertificateOperations } from "./certificates.ts";
import { createChangeFeed } from "./change-feed.ts";
import { createDeviceOperations } from "./devices.ts";
import type { FailureBook } from "./failure-book.ts";
import { createFailureOperations } from "./failures.ts";
import { createForeignAuthorityOperations } from "./foreign-authorities.ts";
import { createForeignCertificateOperations, createWelcome } from "./foreign-certificates.ts";
import { createOwnAuthorityOperations } from "./own-authorities.ts";
import type { DeviceStores, ModelDirectory } from "./ports.ts";
import { createProductOperations } from "./products.ts";
import { createPublicKeyOperations } from "./public-keys.ts";
import { createRevocationStatusOperations } from "./revocation-status.ts";
import { createSecretOperations } from "./secrets.ts";

export interface DeviceServiceDeps {
  readonly stores: DeviceStores;
  readonly models: ModelDirectory;
  /** 32 bytes. Authorities' private keys and device secrets are sealed with it. */
  readonly keyEncryptionKey: Uint8Array;
  /** Started by whoever made it. */
  readonly failures: FailureBook;
  /** Where the REST API is reached from outside, such as `http://pki.example.com:8080`; see certificates.ts. */
  readonly statusUrl?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics;
}

/** Products, devices and their credentials: who exists and how it proves it. Throws invalidArgument for a key of the wrong size. */
export function createDeviceService(deps: DeviceServiceDeps): DeviceApi {
  const { stores, models, failures, clock, log, metrics } = deps;
  const { products, devices, certificates, authorities, credentials, secrets, publicKeys } = stores;
  const sealer = createSealer([deps.keyEncryptionKey]);
  const issued = { devices, certificates, authorities };
  const welcome = createWelcome({ ...issued, suspensions: stores.suspensions, clock, log });
  return {
    ...createProductOperations({ products, models, clock }),
    ...createDeviceOperations({ products, devices, clock }),
    ...createCertificateOperations({ ...issued, products, sealer, clock, statusUrl: deps.statusUrl }),
    ...createForeignCertificateOperations({ ...issued, clock, log }),
    ...createOwnAuthorityOperations({ authorities, sealer, clock }),
    ...createForeignAuthorityOperations({ authorities, products, clock }),
    ...createRevocationStatusOperations({ authorities, sealer, clock }),
    ...createSecretOperations({ products, devices, secrets, sealer, clock }),
    ...createPublicKeyOperations({ devices, publicKeys, clock }),
    ...createAuthenticationOperations({ credentials, secrets, welcome, sealer, failures, clock, log, metrics }),
    ...createFailureOperations({ devices, store: stores.failures, book: failures, clock }),
    ...createChangeFeed({ changes: stores.changes, clock: monotonicClock }),
  };
}
