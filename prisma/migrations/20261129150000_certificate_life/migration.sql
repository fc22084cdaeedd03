-- A certificate's state of its own, when it is superseded, and which notices of its end were given.
ALTER TABLE "certificates" ADD COLUMN     "noticed" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "status" TEXT NOT NULL DEFAULT 'active',
ADD COLUMN     "supersede_at" TIMESTAMPTZ(3);
UPDATE "certificates" SET "status" = 'revoked' WHERE "revoked_at" IS NOT NULL;

-- CreateIndex
CREATE INDEX "certificates_not_after_idx" ON "certificates"("not_after");
CREATE INDEX "certificates_supersede_at_idx" ON "certificates"("supersede_at");

-- Several authorities per tenant: the one that issues, those before it, and those of others.
DROP INDEX "authorities_tenant_id_key";
ALTER TABLE "authorities" ADD COLUMN     "crl_next_update" TIMESTAMPTZ(3),
ADD COLUMN     "crl_number" BIGINT NOT NULL DEFAULT 0,
ADD COLUMN     "fingerprint" TEXT,
ADD COLUMN     "issuer_name" TEXT,
ADD COLUMN     "kind" TEXT NOT NULL DEFAULT 'own',
ADD COLUMN     "mode" TEXT NOT NULL DEFAULT 'known',
ADD COLUMN     "nonce" TEXT,
ADD COLUMN     "status" TEXT NOT NULL DEFAULT 'active',
ADD COLUMN     "template" JSONB,
ALTER COLUMN "root_pem" DROP NOT NULL,
ALTER COLUMN "sealed_root" DROP NOT NULL,
ALTER COLUMN "sealed_key" DROP NOT NULL;

-- CreateIndex
CREATE UNIQUE INDEX "authorities_fingerprint_key" ON "authorities"("fingerprint");
CREATE INDEX "authorities_tenant_id_idx" ON "authorities"("tenant_id");
CREATE INDEX "authorities_issuer_name_idx" ON "authorities"("issuer_name");
-- One of a tenant's own issues at a time, whoever makes two at once.
CREATE UNIQUE INDEX "authorities_issuing_key" ON "authorities"("tenant_id") WHERE "kind" = 'own' AND "status" = 'active';

-- CreateTable
CREATE TABLE "revocations" (
    "authority_id" UUID NOT NULL,
    "serial" TEXT NOT NULL,
    "revoked_at" TIMESTAMPTZ(3) NOT NULL,
    "reason" TEXT NOT NULL,
    "listed" BOOLEAN NOT NULL DEFAULT false,
    "not_after" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "revocations_pkey" PRIMARY KEY ("authority_id","serial")
);
ALTER TABLE "revocations" ADD CONSTRAINT "revocations_authority_id_fkey" FOREIGN KEY ("authority_id") REFERENCES "authorities"("id") ON DELETE CASCADE ON UPDATE CASCADE;
INSERT INTO "revocations" ("authority_id", "serial", "revoked_at", "reason", "not_after")
SELECT "authority_id", "serial", "revoked_at", COALESCE("revocation_reason", 'unspecified'), "not_after" FROM "certificates" WHERE "revoked_at" IS NOT NULL;

-- AlterTable
ALTER TABLE "device_events" ADD COLUMN     "detail" JSONB;

-- AlterTable
ALTER TABLE "products" ADD COLUMN     "certificate_profile" JSONB;
