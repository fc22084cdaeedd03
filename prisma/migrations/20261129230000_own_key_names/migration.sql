-- CreateIndex
CREATE INDEX "authorities_key_ids_idx" ON "authorities" USING GIN ("key_ids");
