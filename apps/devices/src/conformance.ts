import type { DeviceApi } from "@mooring/contracts";
import { makeCaller } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeAuthorities } from "./conformance/authorities.ts";
import { describeBareDevices } from "./conformance/bare-devices.ts";
import { describeCertificateLife } from "./conformance/certificate-life.ts";
import { describeClaims } from "./conformance/claims.ts";
import { describeCompromisedKeys } from "./conformance/compromised-keys.ts";
import { describeCertificates, describeSecrets } from "./conformance/credentials.ts";
import { describeEnrollment } from "./conformance/enrollment.ts";
import { describeFailures } from "./conformance/failures.ts";
import { describeForeignAuthorities } from "./conformance/foreign-authorities.ts";
import { describeKeys } from "./conformance/keys.ts";
import { gateway, makeDevice } from "./conformance/made-device.test-support.ts";
import { describeOwnAuthorities } from "./conformance/own-authorities.ts";
import { describeOwnNotForeign } from "./conformance/own-not-foreign.ts";
import { describeRegistration } from "./conformance/registration.ts";
import { describeDevices, describeProducts } from "./conformance/registry.ts";
import { describeRevocationLists } from "./conformance/revocation-lists.ts";
import { describeRights } from "./conformance/rights.ts";
import { describeRotation } from "./conformance/rotation.ts";
import { describeServerNames } from "./conformance/server-names.ts";
import { describeSessions } from "./conformance/sessions.ts";
import { describeSuspensions } from "./conformance/suspensions.ts";
import { describeTags } from "./conformance/tags.ts";
import { describeTopology } from "./conformance/topology.ts";
import type { Harness } from "./harness.test-support.ts";

/** What everything that calls itself a DeviceApi must do. `open` gives it with a store of its own. */
export function describeDeviceApi(title: string, open: () => Promise<Harness>): void {
  describe(title, () => {
    let harness: Harness;
    let api: DeviceApi;
    beforeAll(async () => {
      harness = await open();
      api = harness.api;
    });
    afterAll(() => harness.stop());
    const given = (): Harness => harness;
    describeProducts(given);
    describeDevices(given);
    describeTags(given);
    describeTopology(given);
    describeCertificates(given);
    describeCertificateLife(given);
    describeCompromisedKeys(given);
    describeEnrollment(given);
    describeAuthorities(given);
    describeForeignAuthorities(given);
    describeOwnAuthorities(given);
    describeOwnNotForeign(given);
    describeRevocationLists(given);
    describeServerNames(given);
    describeSecrets(given);
    describeRotation(given);
    describeRegistration(given);
    describeBareDevices(given);
    describeKeys(given);
    describeFailures(given);
    describeSessions(given);
    describeClaims(given);
    describeSuspensions(given);
    describeRights(given);

    test("the feed begins where it ends now, and tells each change once and in order", async () => {
      const owner = makeCaller();
      const { next: start, changes: none } = await api.listChanges(gateway, {});
      expect(none).toEqual([]);
      expect(await api.listChanges(gateway, { after: start })).toEqual({ changes: [], next: start });
      const { productKey, deviceName, device, certificate } = await makeDevice(api, owner);
      await api.updateProduct(owner, { productKey, name: "renamed" });
      await api.setDeviceTags(owner, { productKey, deviceName, tags: { site: "berlin" } });
      await api.setDeviceTags(owner, { productKey, deviceName, tags: { site: "berlin" } });
      await api.revokeCertificate(owner, { productKey, deviceName, fingerprint: certificate.certificate.fingerprint });
      await api.deleteDevice(owner, { productKey, deviceName });
      const { changes, next } = await api.listChanges(gateway, { after: start });
      const { deviceId } = device;
      const ofDevice = { productKey, deviceId };
      expect(changes.map(({ offset: _, fingerprints: __, ...change }) => change)).toEqual([
        { productKey },
        ofDevice,
        ofDevice,
        { productKey },
        ofDevice,
        ofDevice,
        ofDevice,
      ]);
      expect(next).toBe(changes.at(-1)?.offset);
    });

    test("a reader who waits is told of a revocation within 2 s", async () => {
      const owner = makeCaller();
      const { productKey, deviceName, device, certificate } = await makeDevice(api, owner);
      const { next } = await api.listChanges(gateway, {});
      const waiting = api.listChanges(gateway, { after: next, waitMs: 10_000 });
      const startedMs = Date.now();
      await api.revokeCertificate(owner, { productKey, deviceName, fingerprint: certificate.certificate.fingerprint });
      expect((await waiting).changes).toMatchObject([{ productKey, deviceId: device.deviceId }]);
      expect(Date.now() - startedMs).toBeLessThan(2_000);
    });
  });
}
