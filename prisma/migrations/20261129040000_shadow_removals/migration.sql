-- CreateTable
CREATE TABLE "shadow_removals" (
    "device_id" UUID NOT NULL,
    "removed_at" TIMESTAMPTZ(3) NOT NULL,
    "next_at" TIMESTAMPTZ(3),

    CONSTRAINT "shadow_removals_pkey" PRIMARY KEY ("device_id")
);

-- CreateIndex
CREATE INDEX "shadow_removals_next_at_idx" ON "shadow_removals"("next_at");
CREATE INDEX "shadow_removals_removed_at_idx" ON "shadow_removals"("removed_at");
