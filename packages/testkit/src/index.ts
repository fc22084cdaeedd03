export type { Tool } from "./apt-cache.ts";
export { makeCaller } from "./callers.ts";
export {
  type CertificateChoices,
  ecKey,
  edKey,
  extensionOf,
  extensions,
  type KeyPair,
  type MadeParty,
  makeAuthority,
  makeCertificate,
  makeRevocationList,
  nameOf,
  rsaKey,
  tlv,
} from "./certificate-maker.ts";
export { type ClientName, clientNames, findClient, type RunOptions, type RunResult, run } from "./clients.ts";
export { FakeClock } from "./fake-clock.ts";
export { findFaketime } from "./faketime.ts";
export { fastFolder } from "./fast-folder.ts";
export { type FaultProxy, startFaultProxy, type Weather } from "./fault-proxy.ts";
export { createMemorySessions, type MemorySessions, type MemorySessionsOptions } from "./memory-sessions.ts";
export { type Evidence, type LedgerMessage, MessageLedger, type Receipts, type StoredMessage, type Verdict } from "./message-ledger.ts";
export { findPackages } from "./npm-cache.ts";
export { type OpenTestDatabase, openTestDatabase } from "./open-test-database.ts";
export { cloneDatabase, startTestPostgres, type TestDatabase, type TestPostgres } from "./postgres.ts";
export { findRedis, type PrivateRedis, type RedisServerOptions, startRedis, type TestRedis } from "./redis.ts";
export { errorOf, pointersOf } from "./refusals.ts";
export { testSeed } from "./seed.ts";
export { nested, type ShadowCase, type ShadowOutcome, type ShadowStep, shadowCases } from "./shadow-cases.ts";
export { checkShadowLedger, type LedgerChange, type LedgerTry, type ShadowLedger } from "./shadow-ledger.ts";
export { questionOf, runShadowCase, type ShadowAnswer, type ShadowDoor, type ShadowQuestion } from "./shadow-words.ts";
export { makeSigningRequest } from "./signing-request.ts";
export { createTestDatabase } from "./test-database.ts";
export { until } from "./until.ts";
export { behindWire, overWire } from "./wire.ts";
