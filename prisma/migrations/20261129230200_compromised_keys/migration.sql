-- AlterTable
ALTER TABLE "certificates" ADD COLUMN     "key_digest" TEXT;

-- CreateIndex
CREATE INDEX "certificates_key_digest_idx" ON "certificates"("key_digest");

-- CreateTable
CREATE TABLE "compromised_keys" (
    "tenant_id" UUID NOT NULL,
    "key_digest" TEXT NOT NULL,
    "revoked_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "compromised_keys_pkey" PRIMARY KEY ("tenant_id","key_digest")
);
