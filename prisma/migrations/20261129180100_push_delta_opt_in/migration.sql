-- AlterTable: products that are there keep what they have.
ALTER TABLE "products" ALTER COLUMN "push_delta" SET DEFAULT false;
