-- AlterTable
ALTER TABLE "subscriptions" ADD COLUMN "filter_since" BIGINT NOT NULL DEFAULT 0;
