-- CreateTable
CREATE TABLE "thing_model_field_numbers" (
    "tenant_id" UUID NOT NULL,
    "name" TEXT NOT NULL,
    "numbers" JSONB NOT NULL,
    "revision" INTEGER NOT NULL,

    CONSTRAINT "thing_model_field_numbers_pkey" PRIMARY KEY ("tenant_id","name")
);
