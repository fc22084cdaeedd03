-- AlterTable
ALTER TABLE "api_keys" ADD COLUMN     "scram_salt" BYTEA,
ADD COLUMN     "scram_server_key" BYTEA,
ADD COLUMN     "scram_stored_key" BYTEA;
