-- AlterTable
ALTER TABLE "products" ADD COLUMN "legacy_signatures" BOOLEAN NOT NULL DEFAULT false,
ADD COLUMN "registration" TEXT NOT NULL DEFAULT 'off',
ADD COLUMN "registered_devices_max" INTEGER NOT NULL DEFAULT 1000,
ADD COLUMN "registered_devices" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "sealed_secret" TEXT,
ADD COLUMN "secret_version" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "sealed_previous_secret" TEXT,
ADD COLUMN "previous_secret_version" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "previous_secret_until" TIMESTAMPTZ(3);

-- AlterTable
ALTER TABLE "devices" ADD COLUMN "sealed_previous_secret" TEXT,
ADD COLUMN "previous_secret_version" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "previous_secret_until" TIMESTAMPTZ(3),
ADD COLUMN "token_hash" TEXT,
ADD COLUMN "token_version" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN "activated_at" TIMESTAMPTZ(3);

-- A secret there is was given by an operator.
UPDATE "devices" SET "activated_at" = now() WHERE "sealed_secret" IS NOT NULL;

-- CreateTable
CREATE TABLE "device_public_keys" (
    "device_id" UUID NOT NULL,
    "key_id" TEXT NOT NULL,
    "algorithm" TEXT NOT NULL,
    "pem" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "device_public_keys_pkey" PRIMARY KEY ("device_id","key_id")
);

-- CreateTable
CREATE TABLE "connection_failures" (
    "device_id" UUID NOT NULL,
    "reason" TEXT NOT NULL,
    "protocol" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "first_at" TIMESTAMPTZ(3) NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "connection_failures_pkey" PRIMARY KEY ("device_id","reason","protocol","address")
);

-- AddForeignKey
ALTER TABLE "device_public_keys" ADD CONSTRAINT "device_public_keys_device_id_fkey" FOREIGN KEY ("device_id") REFERENCES "devices"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "connection_failures" ADD CONSTRAINT "connection_failures_device_id_fkey" FOREIGN KEY ("device_id") REFERENCES "devices"("id") ON DELETE CASCADE ON UPDATE CASCADE;
