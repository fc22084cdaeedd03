-- Devices that have had a certificate, a public key, a gateway or a connection have been here, whatever becomes of these. Revocations name no device; whose
-- certificate is revoked has its row still.
UPDATE "devices" AS d SET "activated_at" = now()
WHERE d."activated_at" IS NULL AND (
  EXISTS (SELECT FROM "certificates" AS c WHERE c."device_id" = d."id")
  OR EXISTS (SELECT FROM "device_public_keys" AS k WHERE k."device_id" = d."id")
  OR EXISTS (SELECT FROM "sub_devices" AS s WHERE s."device_id" = d."id")
  OR EXISTS (SELECT FROM "device_connections" AS n WHERE n."device_id" = d."id")
);
