-- AlterTable
ALTER TABLE "authorities" ADD COLUMN     "key_ids" TEXT[] DEFAULT ARRAY[]::TEXT[],
ADD COLUMN     "subject_key_id" TEXT;
