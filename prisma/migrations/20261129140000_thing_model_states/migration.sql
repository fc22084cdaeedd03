-- AlterTable
ALTER TABLE "thing_model_versions" ADD COLUMN "changed_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
ADD COLUMN "imports" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN "namespace" TEXT,
ADD COLUMN "replacement" TEXT,
ADD COLUMN "retire_at" TIMESTAMPTZ(3),
ADD COLUMN "state" TEXT NOT NULL DEFAULT 'published';

-- CreateIndex
CREATE INDEX "thing_model_versions_tenant_id_namespace_idx" ON "thing_model_versions"("tenant_id", "namespace");

-- CreateIndex
CREATE INDEX "thing_model_versions_changed_at_idx" ON "thing_model_versions"("changed_at");
