-- CreateSchema
CREATE SCHEMA IF NOT EXISTS "public";

-- CreateTable
CREATE TABLE "tenants" (
    "id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "tenants_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "role" TEXT NOT NULL,
    "secret_hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "products" (
    "product_key" TEXT NOT NULL,
    "tenant_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "validation" TEXT NOT NULL,
    "secret_authentication" BOOLEAN NOT NULL,
    "model_name" TEXT,
    "model_version" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "products_pkey" PRIMARY KEY ("product_key")
);

-- CreateTable
CREATE TABLE "devices" (
    "id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "product_key" TEXT NOT NULL,
    "device_name" TEXT NOT NULL,
    "status" TEXT NOT NULL,
    "sealed_secret" TEXT,
    "secret_version" INTEGER NOT NULL DEFAULT 0,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "devices_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "certificates" (
    "fingerprint" TEXT NOT NULL,
    "device_id" UUID NOT NULL,
    "authority_id" UUID NOT NULL,
    "serial" TEXT NOT NULL,
    "subject" TEXT NOT NULL,
    "pem" TEXT NOT NULL,
    "not_before" TIMESTAMPTZ(3) NOT NULL,
    "not_after" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),
    "revocation_reason" TEXT,

    CONSTRAINT "certificates_pkey" PRIMARY KEY ("fingerprint")
);

-- CreateTable
CREATE TABLE "authorities" (
    "id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "root_pem" TEXT NOT NULL,
    "sealed_root" TEXT NOT NULL,
    "issuing_pem" TEXT NOT NULL,
    "sealed_key" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "authorities_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "device_changes" (
    "offset" BIGSERIAL NOT NULL,
    "product_key" TEXT NOT NULL,
    "device_id" UUID,
    "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "device_changes_pkey" PRIMARY KEY ("offset")
);

-- CreateTable
CREATE TABLE "event_log" (
    "offset" BIGSERIAL NOT NULL,
    "message_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "device_id" UUID NOT NULL,
    "product_key" TEXT NOT NULL,
    "device_name" TEXT NOT NULL,
    "kind" TEXT NOT NULL,
    "received_at" TIMESTAMPTZ(3) NOT NULL,
    "body" JSON NOT NULL,

    CONSTRAINT "event_log_pkey" PRIMARY KEY ("offset")
);

-- CreateTable
CREATE TABLE "property_history" (
    "device_id" UUID NOT NULL,
    "property" TEXT NOT NULL,
    "time" TIMESTAMPTZ(3) NOT NULL,
    "offset" BIGINT NOT NULL,
    "tenant_id" UUID NOT NULL,
    "message_id" UUID NOT NULL,
    "value" JSON NOT NULL,

    CONSTRAINT "property_history_pkey" PRIMARY KEY ("device_id","property","time","offset")
);

-- CreateTable
CREATE TABLE "history_cursors" (
    "name" TEXT NOT NULL,
    "offset" BIGINT NOT NULL,

    CONSTRAINT "history_cursors_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "subscriptions" (
    "tenant_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "cursor" BIGINT NOT NULL,
    "epoch" BIGINT NOT NULL DEFAULT 0,
    "product_key" TEXT,
    "device_name" TEXT,
    "kinds" TEXT[],
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "subscriptions_pkey" PRIMARY KEY ("tenant_id","name")
);

-- CreateTable
CREATE TABLE "calls" (
    "tenant_id" UUID NOT NULL,
    "idempotency_key" TEXT NOT NULL,
    "device_id" UUID NOT NULL,
    "request_hash" BYTEA NOT NULL,
    "message_id" TEXT NOT NULL,
    "deadline_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),
    "error_code" TEXT,
    "error_message" TEXT,
    "payload" BYTEA,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "calls_pkey" PRIMARY KEY ("tenant_id","idempotency_key")
);

-- CreateTable
CREATE TABLE "shadows" (
    "device_id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "version" BIGINT NOT NULL,
    "desired" JSON NOT NULL,
    "reported" JSON NOT NULL,
    "metadata" JSON NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "shadows_pkey" PRIMARY KEY ("device_id")
);

-- CreateTable
CREATE TABLE "shadow_cursors" (
    "name" TEXT NOT NULL,
    "offset" BIGINT NOT NULL,

    CONSTRAINT "shadow_cursors_pkey" PRIMARY KEY ("name")
);

-- CreateTable
CREATE TABLE "thing_model_versions" (
    "tenant_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "version" TEXT NOT NULL,
    "document" TEXT NOT NULL,
    "content_hash" TEXT NOT NULL,
    "published_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "thing_model_versions_pkey" PRIMARY KEY ("tenant_id","name","version")
);

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_secret_hash_key" ON "api_keys"("secret_hash");

-- CreateIndex
CREATE INDEX "api_keys_tenant_id_idx" ON "api_keys"("tenant_id");

-- CreateIndex
CREATE INDEX "products_tenant_id_product_key_idx" ON "products"("tenant_id", "product_key");

-- CreateIndex
CREATE INDEX "devices_tenant_id_idx" ON "devices"("tenant_id");

-- CreateIndex
CREATE UNIQUE INDEX "devices_product_key_device_name_key" ON "devices"("product_key", "device_name");

-- CreateIndex
CREATE INDEX "certificates_device_id_idx" ON "certificates"("device_id");

-- CreateIndex
CREATE UNIQUE INDEX "certificates_authority_id_serial_key" ON "certificates"("authority_id", "serial");

-- CreateIndex
CREATE UNIQUE INDEX "authorities_tenant_id_key" ON "authorities"("tenant_id");

-- CreateIndex
CREATE INDEX "device_changes_changed_at_idx" ON "device_changes"("changed_at");

-- CreateIndex
CREATE UNIQUE INDEX "event_log_message_id_key" ON "event_log"("message_id");

-- CreateIndex
CREATE INDEX "calls_created_at_idx" ON "calls"("created_at");

-- CreateIndex
CREATE INDEX "shadows_tenant_id_idx" ON "shadows"("tenant_id");

-- AddForeignKey
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_tenant_id_fkey" FOREIGN KEY ("tenant_id") REFERENCES "tenants"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "devices" ADD CONSTRAINT "devices_product_key_fkey" FOREIGN KEY ("product_key") REFERENCES "products"("product_key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "certificates" ADD CONSTRAINT "certificates_device_id_fkey" FOREIGN KEY ("device_id") REFERENCES "devices"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "certificates" ADD CONSTRAINT "certificates_authority_id_fkey" FOREIGN KEY ("authority_id") REFERENCES "authorities"("id") ON DELETE RESTRICT ON UPDATE CASCADE;


