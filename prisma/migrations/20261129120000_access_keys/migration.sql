-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN "access_key_id" TEXT,
ADD COLUMN "access_key_secret" TEXT;

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_access_key_id_key" ON "api_keys"("access_key_id");
