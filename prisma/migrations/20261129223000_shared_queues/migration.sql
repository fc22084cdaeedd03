-- The shared subscription that a message came by. Null for most: no default is written, so no row is touched.
ALTER TABLE "mqtt_queue" ADD COLUMN "share" TEXT;
