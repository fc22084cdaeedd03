export { bigintArray, doubleArray, jsonArray, textArray, uuidArray } from "./arrays.ts";
export { type Database, type DatabaseOptions, openDatabase } from "./client.ts";
export { endOrphanedPostgres } from "./embedded/orphan.ts";
export { type EmbeddedPostgres, type EmbeddedPostgresOptions, startEmbeddedPostgres } from "./embedded/start.ts";
export { Prisma, type PrismaClient } from "./gen/client.ts";
export { type MigrateOptions, migrate } from "./migrate.ts";
export { dropPartition, ensurePartition, listPartitions, type NewPartition, type Partition } from "./partitions.ts";
export { databaseSettings } from "./settings.ts";
export { transaction } from "./transaction.ts";
