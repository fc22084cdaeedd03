-- CreateTable
CREATE TABLE "shadow_refusals" (
    "message_id" UUID NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "code" TEXT NOT NULL,
    "reason" TEXT NOT NULL,

    CONSTRAINT "shadow_refusals_pkey" PRIMARY KEY ("message_id")
);

-- CreateIndex
CREATE INDEX "shadow_refusals_at_idx" ON "shadow_refusals"("at");
