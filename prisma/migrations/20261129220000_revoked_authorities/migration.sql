-- AlterTable
ALTER TABLE "authorities" ADD COLUMN     "revocation_reason" TEXT,
ADD COLUMN     "revoked_at" TIMESTAMPTZ(3),
ADD COLUMN     "root_list" BYTEA,
ADD COLUMN     "root_list_due" TIMESTAMPTZ(3);
