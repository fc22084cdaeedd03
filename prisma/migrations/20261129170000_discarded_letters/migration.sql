-- CreateTable
CREATE TABLE "discarded_letters" (
    "tenant_id" UUID NOT NULL,
    "subscription" TEXT NOT NULL,
    "offset" BIGINT NOT NULL,
    "deliveries" INTEGER NOT NULL,
    "reason" TEXT NOT NULL,
    "discarded_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "discarded_letters_pkey" PRIMARY KEY ("tenant_id","subscription","offset")
);
