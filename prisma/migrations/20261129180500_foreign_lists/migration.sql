-- Whether a registered authority's revocation list is obeyed, where it comes from, what was last learned of it.
ALTER TABLE "authorities" ADD COLUMN     "crl_mode" TEXT NOT NULL DEFAULT 'auto',
ADD COLUMN     "crl_url" TEXT,
ADD COLUMN     "crl_list_number" TEXT,
ADD COLUMN     "crl_this_update" TIMESTAMPTZ(3),
ADD COLUMN     "crl_digest" TEXT,
ADD COLUMN     "crl_learned_at" TIMESTAMPTZ(3),
ADD COLUMN     "crl_fetch_at" TIMESTAMPTZ(3),
ADD COLUMN     "crl_failures" INTEGER NOT NULL DEFAULT 0,
ADD COLUMN     "crl_error" TEXT,
ADD COLUMN     "crl_error_at" TIMESTAMPTZ(3),
ADD COLUMN     "crl_overdue_told" BOOLEAN NOT NULL DEFAULT false;

-- CreateIndex
CREATE INDEX "authorities_crl_fetch_at_idx" ON "authorities"("crl_fetch_at");
CREATE INDEX "authorities_crl_next_update_idx" ON "authorities"("crl_next_update");

-- One authority, and one certificate, belongs to one tenant, or to those whose name devices say in the TLS handshake.
ALTER TABLE "authorities" ADD COLUMN     "route" TEXT NOT NULL DEFAULT '';
DROP INDEX "authorities_fingerprint_key";
CREATE UNIQUE INDEX "authorities_fingerprint_route_key" ON "authorities"("fingerprint", "route");
ALTER TABLE "certificates" ADD COLUMN     "route" TEXT NOT NULL DEFAULT '';
ALTER TABLE "certificates" DROP CONSTRAINT "certificates_pkey",
ADD CONSTRAINT "certificates_pkey" PRIMARY KEY ("fingerprint", "route");
