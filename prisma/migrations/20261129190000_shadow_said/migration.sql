-- CreateTable
CREATE TABLE "shadow_said" (
    "device_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "message_id" UUID NOT NULL,
    "version" BIGINT NOT NULL,
    "report_id" UUID,
    "at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "shadow_said_pkey" PRIMARY KEY ("device_id","name","message_id")
);

-- CreateIndex
CREATE INDEX "shadow_said_at_idx" ON "shadow_said"("at");
