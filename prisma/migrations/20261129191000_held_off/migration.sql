-- AlterTable
ALTER TABLE "connection_failures" ADD COLUMN "held_off_until" TIMESTAMPTZ(3);
