import { fileURLToPath } from "node:url";
import { defineConfig } from "prisma/config";

// Prisma would download its schema engine; the one in packages/db runs from npm alone, so that generate and migrate work without internet.
process.env["PRISMA_SCHEMA_ENGINE_BINARY"] ??= fileURLToPath(new URL("./packages/db/src/schema-engine/schema-engine.mjs", import.meta.url));
// The checkpoint is Prisma's version check and telemetry: a call home this project does not make.
process.env["CHECKPOINT_DISABLE"] ??= "1";

// Reading the schema (generate, validate) needs no database, so the address is asked for only when it is set.
const url = process.env["DATABASE_URL"];

export default defineConfig({
  schema: "prisma/schema",
  migrations: { path: "prisma/migrations" },
  ...(url === undefined ? {} : { datasource: { url } }),
});
