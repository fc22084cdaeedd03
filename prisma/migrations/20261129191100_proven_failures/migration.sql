-- AlterTable
ALTER TABLE "connection_failures" ADD COLUMN "proven" BOOLEAN NOT NULL DEFAULT false;
ALTER TABLE "connection_failures" DROP CONSTRAINT "connection_failures_pkey";
ALTER TABLE "connection_failures" ADD CONSTRAINT "connection_failures_pkey" PRIMARY KEY ("device_id", "proven", "reason", "protocol", "address");
