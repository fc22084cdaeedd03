-- CreateIndex: of devices that were deleted alone, which have the highest epoch there is. Prisma's schema cannot say so.
CREATE INDEX "device_connections_deleted_idx" ON "device_connections"("product_key", "device_name") WHERE "epoch" = 9223372036854775807;
