-- AlterTable
ALTER TABLE "tenants" ADD COLUMN "suspended_at" TIMESTAMPTZ(3),
ADD COLUMN "suspended_reason" TEXT;

-- CreateTable
CREATE TABLE "suspended_tenants" (
    "tenant_id" UUID NOT NULL,

    CONSTRAINT "suspended_tenants_pkey" PRIMARY KEY ("tenant_id")
);
