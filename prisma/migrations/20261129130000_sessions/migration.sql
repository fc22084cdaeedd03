-- CreateTable
CREATE TABLE "mqtt_sessions" (
    "session_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "owner" TEXT COLLATE "C" NOT NULL,
    "client_id" TEXT COLLATE "C" NOT NULL,
    "protocol_level" SMALLINT NOT NULL,
    "expiry_interval_s" BIGINT NOT NULL,
    "node_id" TEXT NOT NULL,
    "connected_at" TIMESTAMPTZ(3),
    "disconnected_at" TIMESTAMPTZ(3),
    "expires_at" TIMESTAMPTZ(3),
    "will" JSON,
    "will_payload" BYTEA,

    CONSTRAINT "mqtt_sessions_pkey" PRIMARY KEY ("session_id")
);

-- CreateTable
CREATE TABLE "mqtt_subscriptions" (
    "session_id" UUID NOT NULL,
    "filter" TEXT COLLATE "C" NOT NULL,
    "qos" SMALLINT NOT NULL,
    "no_local" BOOLEAN NOT NULL,
    "retain_as_published" BOOLEAN NOT NULL,
    "retain_handling" SMALLINT NOT NULL,
    "subscription_id" INTEGER NOT NULL,

    CONSTRAINT "mqtt_subscriptions_pkey" PRIMARY KEY ("session_id","filter")
);

-- CreateTable
CREATE TABLE "mqtt_messages" (
    "message_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "topic" TEXT COLLATE "C" NOT NULL,
    "payload" BYTEA NOT NULL,
    "qos" SMALLINT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "properties" JSON,
    "publisher" TEXT NOT NULL,

    CONSTRAINT "mqtt_messages_pkey" PRIMARY KEY ("message_id")
);

-- CreateTable
CREATE TABLE "mqtt_queue" (
    "session_id" UUID NOT NULL,
    "seq" BIGINT NOT NULL,
    "message_id" UUID NOT NULL,
    "qos" SMALLINT NOT NULL,
    "retain" BOOLEAN NOT NULL,
    "subscription_ids" INTEGER[],
    "packet_id" INTEGER NOT NULL,
    "is_released" BOOLEAN NOT NULL,
    "bytes" INTEGER NOT NULL,

    CONSTRAINT "mqtt_queue_pkey" PRIMARY KEY ("session_id","seq")
);

-- CreateTable
CREATE TABLE "mqtt_received" (
    "session_id" UUID NOT NULL,
    "packet_id" INTEGER NOT NULL,

    CONSTRAINT "mqtt_received_pkey" PRIMARY KEY ("session_id","packet_id")
);

-- CreateTable
CREATE TABLE "mqtt_retained" (
    "tenant_id" UUID NOT NULL,
    "topic" TEXT COLLATE "C" NOT NULL,
    "message_id" UUID NOT NULL,
    "payload" BYTEA NOT NULL,
    "qos" SMALLINT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "expires_at" TIMESTAMPTZ(3),
    "properties" JSON,
    "publisher" TEXT NOT NULL,
    "bytes" INTEGER NOT NULL,

    CONSTRAINT "mqtt_retained_pkey" PRIMARY KEY ("tenant_id","topic")
);

-- CreateIndex
CREATE INDEX "mqtt_sessions_tenant_id_session_id_idx" ON "mqtt_sessions"("tenant_id", "session_id");

-- CreateIndex
CREATE INDEX "mqtt_sessions_tenant_id_client_id_idx" ON "mqtt_sessions"("tenant_id", "client_id");

-- CreateIndex
CREATE INDEX "mqtt_sessions_owner_idx" ON "mqtt_sessions"("owner");

-- CreateIndex
CREATE INDEX "mqtt_queue_message_id_idx" ON "mqtt_queue"("message_id");

-- These tables are small and turn over many times a day: to delete what was acknowledged is half of the traffic. They are vacuumed by what has died and
-- hardly by how large they are, without the rests that make it slow; and are not cut short at their end, which would lock writers out each time a
-- queue runs empty. Where rows are changed (packet ids, coming and going) pages keep room, so that the new version lies in the same page and no index
-- is touched.
ALTER TABLE "mqtt_sessions" SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
ALTER TABLE "mqtt_subscriptions" SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
ALTER TABLE "mqtt_messages" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off, toast.autovacuum_vacuum_scale_factor = 0.01, toast.autovacuum_vacuum_threshold = 5000, toast.autovacuum_vacuum_cost_delay = 0, toast.vacuum_truncate = off);
ALTER TABLE "mqtt_queue" SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 5000, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
ALTER TABLE "mqtt_received" SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
ALTER TABLE "mqtt_retained" SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
