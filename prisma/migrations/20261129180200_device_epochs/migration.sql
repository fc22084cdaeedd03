-- AlterTable: devices that are there have lived through being created.
ALTER TABLE "devices" ADD COLUMN     "epoch" BIGSERIAL NOT NULL,
ADD COLUMN     "life_events" INTEGER NOT NULL DEFAULT 1;
ALTER TABLE "devices" ALTER COLUMN "life_events" SET DEFAULT 0;
