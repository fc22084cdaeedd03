-- CreateTable
CREATE TABLE "sub_devices" (
    "device_id" UUID NOT NULL,
    "gateway_id" UUID NOT NULL,
    "added_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "sub_devices_pkey" PRIMARY KEY ("device_id")
);

-- CreateIndex
CREATE INDEX "sub_devices_gateway_id_idx" ON "sub_devices"("gateway_id");

-- AddForeignKey
ALTER TABLE "sub_devices" ADD CONSTRAINT "sub_devices_device_id_fkey" FOREIGN KEY ("device_id") REFERENCES "devices"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "sub_devices" ADD CONSTRAINT "sub_devices_gateway_id_fkey" FOREIGN KEY ("gateway_id") REFERENCES "devices"("id") ON DELETE CASCADE ON UPDATE CASCADE;
