-- AlterTable
ALTER TABLE "certificates" ADD COLUMN "claim_id" UUID;

-- CreateTable
CREATE TABLE "claims" (
    "id" UUID NOT NULL,
    "tenant_id" UUID NOT NULL,
    "product_key" TEXT NOT NULL,
    "name" TEXT NOT NULL,
    "status" TEXT NOT NULL DEFAULT 'active',
    "authority_id" UUID NOT NULL,
    "fingerprint" TEXT NOT NULL,
    "serial" TEXT NOT NULL,
    "not_before" TIMESTAMPTZ(3) NOT NULL,
    "not_after" TIMESTAMPTZ(3) NOT NULL,
    "name_pattern" TEXT NOT NULL,
    "tags" JSONB NOT NULL DEFAULT '{}',
    "devices_max" INTEGER NOT NULL,
    "devices" INTEGER NOT NULL DEFAULT 0,
    "allows_new_keys" BOOLEAN NOT NULL,
    "hook_url" TEXT,
    "sealed_hook_secret" TEXT,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "claims_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "claim_failures" (
    "claim_id" UUID NOT NULL,
    "reason" TEXT NOT NULL,
    "serial" TEXT NOT NULL,
    "protocol" TEXT NOT NULL,
    "address" TEXT NOT NULL,
    "count" INTEGER NOT NULL,
    "first_at" TIMESTAMPTZ(3) NOT NULL,
    "last_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "claim_failures_pkey" PRIMARY KEY ("claim_id","reason","serial","protocol","address")
);

-- CreateIndex
CREATE UNIQUE INDEX "claims_fingerprint_key" ON "claims"("fingerprint");

-- CreateIndex
CREATE UNIQUE INDEX "claims_product_key_name_key" ON "claims"("product_key", "name");

-- CreateIndex
CREATE UNIQUE INDEX "claims_authority_id_serial_key" ON "claims"("authority_id", "serial");

-- AddForeignKey
ALTER TABLE "claims" ADD CONSTRAINT "claims_product_key_fkey" FOREIGN KEY ("product_key") REFERENCES "products"("product_key") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "claims" ADD CONSTRAINT "claims_authority_id_fkey" FOREIGN KEY ("authority_id") REFERENCES "authorities"("id") ON DELETE RESTRICT ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "claim_failures" ADD CONSTRAINT "claim_failures_claim_id_fkey" FOREIGN KEY ("claim_id") REFERENCES "claims"("id") ON DELETE CASCADE ON UPDATE CASCADE;
