-- Partitions live in a schema of their own, which Prisma does not look at: they come and go while the platform runs.
CREATE SCHEMA "partitions";

-- AlterTable
ALTER TABLE "products" ADD COLUMN "acknowledgement" TEXT NOT NULL DEFAULT 'persisted',
ADD COLUMN "history_days" INTEGER NOT NULL DEFAULT 90,
ADD COLUMN "deduplicate_ids" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "push_delta" BOOLEAN NOT NULL DEFAULT true;

-- AlterTable
ALTER TABLE "devices" ADD COLUMN "tags" JSONB NOT NULL DEFAULT '{}';

-- CreateTable
CREATE TABLE "device_events" (
    "id" BIGSERIAL NOT NULL,
    "message_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "device_id" UUID NOT NULL,
    "product_key" TEXT NOT NULL,
    "device_name" TEXT NOT NULL,
    "action" TEXT NOT NULL,
    "principal" TEXT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "device_events_pkey" PRIMARY KEY ("id")
);

-- The log becomes partitioned by ranges of a million offsets. What is there already is the first segment as it stands: nothing is copied.
ALTER TABLE "event_log" SET SCHEMA "partitions";
ALTER TABLE "partitions"."event_log" RENAME TO "event_log_0";
ALTER TABLE "partitions"."event_log_0" RENAME CONSTRAINT "event_log_pkey" TO "event_log_0_pkey";
ALTER INDEX "partitions"."event_log_message_id_key" RENAME TO "event_log_0_message_id_key";
ALTER SEQUENCE "partitions"."event_log_offset_seq" OWNED BY NONE;
ALTER SEQUENCE "partitions"."event_log_offset_seq" SET SCHEMA "public";
CREATE TABLE "event_log" (
    "offset" BIGINT NOT NULL DEFAULT nextval('event_log_offset_seq'),
    "message_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "device_id" UUID NOT NULL,
    "product_key" TEXT NOT NULL,
    "device_name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "body" JSON NOT NULL,

    CONSTRAINT "event_log_pkey" PRIMARY KEY ("offset")
) PARTITION BY RANGE ("offset");
CREATE INDEX "event_log_device_id_offset_idx" ON "event_log"("device_id", "offset");
ALTER SEQUENCE "event_log_offset_seq" OWNED BY "event_log"."offset";
DO $$
BEGIN
  EXECUTE format(
    'ALTER TABLE event_log ATTACH PARTITION partitions.event_log_0 FOR VALUES FROM (0) TO (%s)',
    (SELECT (coalesce(max("offset"), 0) / 1000000 + 1) * 1000000 FROM partitions.event_log_0)
  );
END $$;

-- CreateTable
CREATE TABLE "log_consumers" (
    "name" TEXT NOT NULL,
    "offset" BIGINT NOT NULL,
    "seen_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "log_consumers_pkey" PRIMARY KEY ("name")
);

-- The history becomes partitioned by days.
ALTER TABLE "property_history" RENAME TO "property_history_before";
ALTER TABLE "property_history_before" RENAME CONSTRAINT "property_history_pkey" TO "property_history_before_pkey";
CREATE TABLE "property_history" (
    "device_id" UUID NOT NULL,
    "property" TEXT NOT NULL,
    "time" TIMESTAMPTZ(3) NOT NULL,
    "offset" BIGINT NOT NULL,
    "product_key" TEXT NOT NULL,
    "message_id" UUID NOT NULL,
    "value" JSON NOT NULL,

    CONSTRAINT "property_history_pkey" PRIMARY KEY ("device_id","property","time","offset")
) PARTITION BY RANGE ("time");
CREATE TABLE "partitions"."property_history_default" PARTITION OF "property_history" DEFAULT;
INSERT INTO "property_history" ("device_id", "property", "time", "offset", "product_key", "message_id", "value")
SELECT h."device_id", h."property", h."time", h."offset", l."product_key", h."message_id", h."value"
FROM "property_history_before" AS h JOIN "event_log" AS l ON l."offset" = h."offset";
DROP TABLE "property_history_before";

-- CreateTable
CREATE TABLE "device_connections" (
    "device_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "product_key" TEXT NOT NULL,
    "device_name" TEXT NOT NULL,
    "online" BOOLEAN NOT NULL,
    "epoch" BIGINT NOT NULL,
    "sequence" INTEGER NOT NULL,
    "client_id" TEXT NOT NULL,
    "node_id" TEXT NOT NULL,
    "protocol" TEXT NOT NULL,
    "address" TEXT,
    "reason" TEXT,
    "since" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "device_connections_pkey" PRIMARY KEY ("device_id")
);
CREATE INDEX "device_connections_online_node_id_device_id_idx" ON "device_connections"("online", "node_id", "device_id");

-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN "filter" JSON NOT NULL DEFAULT '{}',
ADD COLUMN "owner" TEXT,
ADD COLUMN "owned_until" TIMESTAMPTZ(3),
ADD COLUMN "acknowledge_within_ms" INTEGER NOT NULL DEFAULT 30000,
ADD COLUMN "deliveries_max" INTEGER NOT NULL DEFAULT 10,
ADD COLUMN "webhook_url" TEXT,
ADD COLUMN "webhook_secret" TEXT,
ADD COLUMN "lost" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN "began" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN "revision" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN "progress" JSON NOT NULL DEFAULT '{}';
UPDATE "subscriptions"
SET "filter" = json_strip_nulls(json_build_object('productKey', "product_key", 'deviceName', "device_name", 'kinds', to_json("kinds")));
ALTER TABLE "subscriptions" DROP COLUMN "product_key", DROP COLUMN "device_name", DROP COLUMN "kinds";

-- CreateTable
CREATE TABLE "dead_letters" (
    "tenant_id" UUID NOT NULL,
    "subscription" TEXT NOT NULL,
    "offset" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "device_id" UUID NOT NULL,
    "product_key" TEXT NOT NULL,
    "device_name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "body" JSON NOT NULL,
    "deliveries" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,
    "failed_at" TIMESTAMPTZ(3) NOT NULL,
    "replayed_at" TIMESTAMPTZ(3),

    CONSTRAINT "dead_letters_pkey" PRIMARY KEY ("tenant_id","subscription","offset")
);

-- CreateTable
CREATE TABLE "refusals" (
    "id" BIGSERIAL NOT NULL,
    "device_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "protocol" TEXT NOT NULL,
    "topic" TEXT NOT NULL,
    "code" TEXT NOT NULL,
    "reason" TEXT NOT NULL,

    CONSTRAINT "refusals_pkey" PRIMARY KEY ("id")
);
CREATE INDEX "refusals_device_id_at_idx" ON "refusals"("device_id", "at");
CREATE INDEX "refusals_at_idx" ON "refusals"("at");

-- AlterTable
ALTER TABLE "shadows" ADD COLUMN "name" TEXT NOT NULL DEFAULT '',
ADD COLUMN "desired_versions" JSON NOT NULL DEFAULT '{}',
DROP CONSTRAINT "shadows_pkey",
ADD CONSTRAINT "shadows_pkey" PRIMARY KEY ("device_id", "name");
-- Documents change all the time: with room in each page a change touches no index and leaves nothing to vacuum.
ALTER TABLE "shadows" SET (fillfactor = 50);
UPDATE "shadows" SET "desired_versions" = (SELECT coalesce(json_object_agg(key, "version"), '{}') FROM json_object_keys("desired") AS key);

-- Partitioned by days.
CREATE TABLE "shadow_changes" (
    "device_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "version" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "said_at" TIMESTAMPTZ(3),
    "principal" TEXT NOT NULL,
    "desired" JSON,
    "reported" JSON,
    "client_token" TEXT,
    "offset" BIGINT,
    "snapshot" JSON,

    CONSTRAINT "shadow_changes_pkey" PRIMARY KEY ("device_id","name","version","at")
) PARTITION BY RANGE ("at");
