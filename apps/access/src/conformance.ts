import { createHash, createHmac, pbkdf2Sync, randomUUID } from "node:crypto";
import { type AccessApi, type AccessKey, type Caller, operations, type Role, type SignatureProof, serviceCaller } from "@mooring/contracts";
import { errorOf, makeCaller, pointersOf } from "@mooring/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Harness, makeFirst, makeTenant } from "./harness.test-support.ts";

const edge = serviceCaller("admin-api");
const noKey: AccessKey = { id: `MK${"0".repeat(24)}`, secret: "mks_none" };

/** As a client of Alibaba's server-side subscription makes it. */
function proofOf({ id, secret }: AccessKey, { method = "hmacsha1", atMs = Date.now() } = {}): SignatureProof {
  const content = `authId=${id}&timestamp=${atMs}`;
  const signature = createHmac(method.toLowerCase().replace("hmac", ""), secret).update(content).digest("base64");
  return { authId: id, content, signature, method };
}

const roles: readonly Role[] = ["owner", "operator", "backend", "viewer", "device", "service"];

/** What everything that calls itself an AccessApi must do. `open` gives it with a store of its own. */
export function describeAccessApi(title: string, open: () => Promise<Harness>): void {
  describe(title, () => {
    let harness: Harness;
    let api: AccessApi;
    beforeAll(async () => {
      harness = await open();
      api = harness.api;
    });
    afterAll(() => harness.stop());

    test.each(["owner", "operator", "backend", "viewer"])("a key of role %s speaks for its tenant in that role", async (role) => {
      const { owner } = await makeTenant(harness);
      const { key, secret } = await api.createApiKey(owner, { name: "for tests", role });
      expect(key).toMatchObject({ name: "for tests", role });
      expect(secret).toMatch(/^mk_[A-Za-z0-9_-]{43}$/);
      const { tenantId } = owner;
      expect(await api.authenticateKey(edge, { secret })).toEqual({ tenantId, principal: `key:${key.id}`, role });
    });

    test("services hear of tenants in the order in which they were created, from a place on", async () => {
      const all = (await api.listTenantsSince(edge, { sinceMs: 0 })).tenants;
      expect(all.map(({ createdAtMs }) => createdAtMs)).toEqual(all.map(({ createdAtMs }) => createdAtMs).sort((a, b) => a - b));
      const [first] = all;
      expect((await api.listTenantsSince(edge, { sinceMs: first?.createdAtMs ?? 0 })).tenants).toEqual(all);
      const after = { sinceMs: first?.createdAtMs ?? 0, afterId: first?.tenantId ?? "" };
      expect((await api.listTenantsSince(edge, after)).tenants).toEqual(all.slice(1));
      expect(pointersOf(await errorOf(api.listTenantsSince(edge, { sinceMs: -1 })))).toEqual(["/sinceMs"]);
      expect(pointersOf(await errorOf(api.listTenantsSince(edge, { sinceMs: 0, afterId: "x" })))).toEqual(["/afterId"]);
    });

    test("a suspended tenant's keys are refused with the reason in every form, and hold again once it is resumed", async () => {
      const platform = await makeFirst(harness);
      const { owner } = await makeTenant(harness);
      const { key, secret, accessKey = noKey } = await api.createApiKey(owner, { name: "k", role: "backend", accessKey: true });
      const forms: (() => Promise<unknown>)[] = [
        () => api.authenticateKey(edge, { secret }),
        () => api.findScramVerifier(edge, { keyId: key.id }),
        () => api.authenticateSignature(edge, proofOf(accessKey)),
      ];
      const { tenantId } = owner;
      const suspended = await api.setTenantStatus(platform, { tenantId, status: "suspended", reason: "unpaid" });
      expect(suspended).toMatchObject({ tenantId, status: "suspended", suspendedReason: "unpaid", suspendedAtMs: expect.any(Number) });
      expect(await api.setTenantStatus(platform, { tenantId, status: "suspended", reason: "again" })).toEqual(suspended);
      expect((await api.listSuspendedTenants(edge, {})).tenantIds).toContain(tenantId);
      expect((await api.listTenants(platform, {})).tenants).toContainEqual(suspended);
      for (const form of forms)
        expect(await errorOf(form())).toMatchObject({ code: "permissionDenied", message: "the tenant is suspended" });
      expect(await errorOf(api.authenticateKey(edge, { secret: `${secret.slice(0, -1)}-` }))).toMatchObject({ code: "unauthenticated" });
      expect(await api.setTenantStatus(platform, { tenantId, status: "active" })).toMatchObject({ status: "active" });
      expect((await api.listSuspendedTenants(edge, {})).tenantIds).not.toContain(tenantId);
      await Promise.all(forms.map((form) => form()));
    });

    test("only owners of the platform's own tenant look after tenants, and never suspend themselves", async () => {
      const platform = await makeFirst(harness);
      const { owner } = await makeTenant(harness);
      const { tenantId } = owner;
      const set = (caller: Caller, request: { tenantId: string; status: string; reason?: string }) => api.setTenantStatus(caller, request);
      for (const caller of [owner, { ...platform, role: "operator" as const }, makeCaller()]) {
        expect(await errorOf(set(caller, { tenantId, status: "suspended" }))).toMatchObject({ code: "permissionDenied" });
        expect(await errorOf(api.listTenants(caller, {}))).toMatchObject({ code: "permissionDenied" });
      }
      expect(await errorOf(set(platform, { tenantId: platform.tenantId, status: "suspended" }))).toMatchObject({
        code: "failedPrecondition",
      });
      for (const none of [randomUUID(), "x"])
        expect(await errorOf(set(platform, { tenantId: none, status: "suspended" }))).toMatchObject({ code: "notFound" });
      expect(pointersOf(await errorOf(set(platform, { tenantId, status: "gone" })))).toEqual(["/status"]);
      for (const [status, reason] of [
        ["suspended", " "],
        ["suspended", "a\nb"],
        ["active", "paid"],
      ] as const)
        expect(pointersOf(await errorOf(set(platform, { tenantId, status, reason })))).toEqual(["/reason"]);
      expect(await api.getTenant(owner, {})).toMatchObject({ status: "active" });
    });

    test("a key is listed without its secret, and found in no column of the table", async () => {
      const { owner } = await makeTenant(harness);
      const { key, secret } = await api.createApiKey(owner, { name: "for tests", role: "viewer" });
      const { keys } = await api.listApiKeys(owner, {});
      expect(keys).toContainEqual(key);
      expect(JSON.stringify(keys)).not.toContain(secret);
      const { rows } = await harness.database.pool.query("SELECT api_keys::text AS row FROM api_keys WHERE id = $1", [key.id]);
      expect(rows[0].row).not.toContain(secret.slice(3));
      expect(rows[0].row).not.toContain(Buffer.from(secret).toString("hex"));
    });

    test("whoever knows a key's secret, and nobody else, can prove it by its SCRAM verifier; revoked or unknown there is none", async () => {
      const { owner, keyId } = await makeTenant(harness);
      const { key, secret } = await api.createApiKey(owner, { name: "for tests", role: "backend" });
      const verifier = await api.findScramVerifier(edge, { keyId: key.id });
      expect(verifier.caller).toEqual({ tenantId: owner.tenantId, principal: `key:${key.id}`, role: "backend" });
      const storedKeyOf = (password: string): Buffer => {
        const salted = pbkdf2Sync(password, verifier.salt, verifier.iterations, 32, "sha256");
        return createHash("sha256").update(createHmac("sha256", salted).update("Client Key").digest()).digest();
      };
      expect(Buffer.from(verifier.storedKey)).toEqual(storedKeyOf(secret));
      expect(Buffer.from(verifier.storedKey)).not.toEqual(storedKeyOf(`${secret}x`));
      await api.revokeApiKey(owner, { id: key.id });
      // The tenant's own key was made without one.
      for (const none of [key.id, keyId, randomUUID(), "", "'"]) {
        expect(await errorOf(api.findScramVerifier(edge, { keyId: none }))).toMatchObject({ code: "unauthenticated" });
      }
    });

    test.each(["hmacsha1", "hmacsha256", "hmacmd5", "Hmacsha1"])(
      "an access key's signature by %s speaks for its API key [Wire formats 2.12]",
      async (method) => {
        const { owner } = await makeTenant(harness);
        const { key, secret, accessKey = noKey } = await api.createApiKey(owner, { name: "amqp", role: "backend", accessKey: true });
        expect([accessKey.id, accessKey.secret, key.accessKeyId]).toEqual([
          expect.stringMatching(/^MK[0-9A-F]{24}$/),
          expect.stringMatching(/^mks_[A-Za-z0-9_-]{43}$/),
          accessKey.id,
        ]);
        const { tenantId } = owner;
        const caller = { tenantId, principal: `key:${key.id}`, role: "backend" };
        expect(await api.authenticateSignature(edge, proofOf(accessKey, { method }))).toEqual(caller);
        expect(await api.authenticateKey(edge, { secret })).toEqual(caller);
      },
    );

    test("an access key's secret is shown once, and found in no column of the table", async () => {
      const { owner } = await makeTenant(harness);
      const { key, accessKey = noKey } = await api.createApiKey(owner, { name: "amqp", role: "backend", accessKey: true });
      const { keys } = await api.listApiKeys(owner, {});
      expect(keys).toContainEqual(key);
      expect(JSON.stringify(keys)).not.toContain(accessKey.secret);
      const { rows } = await harness.database.pool.query("SELECT api_keys::text AS row FROM api_keys WHERE id = $1", [key.id]);
      for (const form of ["utf8", "hex", "base64", "base64url"] as const) {
        expect(rows[0].row).not.toContain(Buffer.from(accessKey.secret.slice(4)).toString(form).slice(0, 40));
      }
      const without = await api.createApiKey(owner, { name: "plain", role: "backend" });
      expect([without.accessKey, without.key.accessKeyId]).toEqual([undefined, undefined]);
    });

    test("a sealed secret that is moved to another key's row does not open", async () => {
      const { owner } = await makeTenant(harness);
      const [one, two] = [
        await api.createApiKey(owner, { name: "one", role: "viewer", accessKey: true }),
        await api.createApiKey(owner, { name: "two", role: "owner", accessKey: true }),
      ];
      const move = "UPDATE api_keys SET access_key_secret = (SELECT access_key_secret FROM api_keys WHERE id = $1) WHERE id = $2";
      await harness.database.pool.query(move, [one.key.id, two.key.id]);
      const proof = proofOf({ id: two.accessKey?.id ?? "", secret: one.accessKey?.secret ?? "" });
      await expect(api.authenticateSignature(edge, proof)).rejects.toMatchObject({ code: "internal" });
    });

    test("a signature that is wrong, of another key, too old, of the future, revoked or malformed is refused in the same words", async () => {
      const { owner } = await makeTenant(harness);
      const make = () => api.createApiKey(owner, { name: "amqp", role: "backend", accessKey: true });
      const [mine, other, revoked] = [await make(), await make(), await make()];
      await api.revokeApiKey(owner, { id: revoked.key.id });
      const key = mine.accessKey ?? noKey;
      const dayMs = 86_400_000;
      const wrong: SignatureProof[] = [
        proofOf({ ...key, secret: other.accessKey?.secret ?? "" }),
        proofOf({ ...key, id: other.accessKey?.id ?? "" }),
        proofOf(revoked.accessKey ?? noKey),
        proofOf(noKey),
        proofOf(key, { atMs: Date.now() - 366 * dayMs }),
        proofOf(key, { atMs: Date.now() + 2 * dayMs }),
        { ...proofOf(key), method: "hmacmd5" },
        { ...proofOf(key), method: "constructor" },
        { ...proofOf(key), signature: "" },
        { ...proofOf(key), signature: "\u0000" },
        { ...proofOf(key), signature: `${proofOf(key).signature}=` },
        { ...proofOf(key), content: `authId=${key.id}` },
        { ...proofOf(key), content: `${proofOf(key).content}0` },
        { ...proofOf(key), authId: "x'--" },
        { ...proofOf(key), authId: key.id.toLowerCase() },
      ];
      const messages = new Set<string>();
      for (const proof of wrong) {
        const error = await errorOf(api.authenticateSignature(edge, proof));
        expect(error.code, JSON.stringify(proof)).toBe("unauthenticated");
        messages.add(error.message);
      }
      expect(messages.size).toBe(1);
    });

    test("a client may connect again for a year with what it signed when it began; Alibaba's example for Go, which sends no time at all, for ever", async () => {
      const { owner } = await makeTenant(harness);
      const { key, accessKey = noKey } = await api.createApiKey(owner, { name: "amqp", role: "backend", accessKey: true });
      for (const atMs of [Date.now() - 364 * 86_400_000, Date.now() + 3_600_000, 999, 0]) {
        expect(await api.authenticateSignature(edge, proofOf(accessKey, { atMs }))).toMatchObject({ principal: `key:${key.id}` });
      }
    });

    test("a revoked key is refused at once, and revoking it again changes nothing", async () => {
      const { owner } = await makeTenant(harness);
      const { key, secret } = await api.createApiKey(owner, { name: "for tests", role: "operator" });
      await api.authenticateKey(edge, { secret });
      const revoked = await api.revokeApiKey(owner, { id: key.id });
      expect(revoked).toEqual({ ...key, revokedAtMs: expect.any(Number) });
      expect(await errorOf(api.authenticateKey(edge, { secret }))).toMatchObject({ code: "unauthenticated" });
      expect(await api.revokeApiKey(owner, { id: key.id })).toEqual(revoked);
      expect((await api.listApiKeys(owner, {})).keys.at(-1)).toEqual(revoked);
    });

    test("a key that is unknown, revoked or malformed is refused in the same words", async () => {
      const { owner } = await makeTenant(harness);
      const { key, secret } = await api.createApiKey(owner, { name: "for tests", role: "viewer" });
      await api.revokeApiKey(owner, { id: key.id });
      const messages = new Set<string>();
      for (const wrong of [secret, `mk_${"A".repeat(43)}`, "", "mk_", `${secret}x`, secret.toUpperCase(), "\u0000", "mk_'--"]) {
        const error = await errorOf(api.authenticateKey(edge, { secret: wrong }));
        expect(error.code).toBe("unauthenticated");
        messages.add(error.message);
      }
      expect(messages.size).toBe(1);
    });

    test("the last owner key of a tenant cannot be revoked, another owner's being no help", async () => {
      const { owner, keyId } = await makeTenant(harness);
      await makeTenant(harness);
      expect(await errorOf(api.revokeApiKey(owner, { id: keyId }))).toMatchObject({ code: "failedPrecondition" });
      const { key } = await api.createApiKey(owner, { name: "second owner", role: "owner" });
      await api.revokeApiKey(owner, { id: keyId });
      expect(await errorOf(api.revokeApiKey(owner, { id: key.id }))).toMatchObject({ code: "failedPrecondition" });
    });

    test("two owners who revoke each other at once leave one", async () => {
      const pairs = [];
      for (let i = 0; i < 10; i++) {
        const { owner, keyId } = await makeTenant(harness);
        const { key } = await api.createApiKey(owner, { name: "second owner", role: "owner" });
        pairs.push({ owner, ids: [keyId, key.id] });
      }
      for (const { owner, ids } of pairs) {
        const outcomes = await Promise.allSettled(ids.map((id) => api.revokeApiKey(owner, { id })));
        expect(outcomes.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
        const { keys } = await api.listApiKeys(owner, {});
        expect(keys.filter(({ revokedAtMs }) => revokedAtMs === undefined).length).toBe(1);
      }
    });

    test.each([
      [{ name: "", role: "viewer" }, "/name"],
      [{ name: " ", role: "viewer" }, "/name"],
      [{ name: "a\u0000b", role: "viewer" }, "/name"],
      [{ name: "x".repeat(101), role: "viewer" }, "/name"],
      [{ name: "x", role: "device" }, "/role"],
      [{ name: "x", role: "service" }, "/role"],
      [{ name: "x", role: "root" }, "/role"],
    ])("%j makes no key", async (request, pointer) => {
      const { owner } = await makeTenant(harness);
      const error = await errorOf(api.createApiKey(owner, request));
      expect({ code: error.code, pointers: pointersOf(error) }).toEqual({ code: "invalidArgument", pointers: [pointer] });
      expect((await api.listApiKeys(owner, {})).keys.length).toBe(1);
    });

    test("another tenant's key is missing, in the same words as one that never was", async () => {
      const [{ owner, keyId }, { owner: other }] = [await makeTenant(harness), await makeTenant(harness)];
      const errors = [];
      for (const id of [keyId, randomUUID(), "x", ""]) errors.push(await errorOf(api.revokeApiKey(other, { id })));
      expect(new Set(errors.map(({ code, message }) => `${code}: ${message}`)).size).toBe(1);
      expect(errors[0]?.code).toBe("notFound");
      expect((await api.listApiKeys(other, {})).keys.map(({ id }) => id)).not.toContain(keyId);
      expect((await api.listApiKeys(owner, {})).keys[0]?.revokedAtMs).toBeUndefined();
    });

    test("everybody in a tenant may read its name, and nobody that of one that is not there", async () => {
      const { owner } = await makeTenant(harness);
      const tenant = await api.getTenant(makeCaller("viewer", owner.tenantId), {});
      expect(tenant).toEqual({ tenantId: owner.tenantId, name: "a tenant", status: "active", createdAtMs: expect.any(Number) });
      for (const tenantId of [randomUUID(), ""]) {
        expect(await errorOf(api.getTenant(makeCaller("owner", tenantId), {}))).toMatchObject({ code: "notFound" });
      }
    });

    test("only the roles the table of operations names may do an operation", async () => {
      const { owner } = await makeTenant(harness);
      const calls = {
        "access.authenticateKey": (role: Role) => api.authenticateKey(makeCaller(role, owner.tenantId), { secret: "" }),
        "access.findScramVerifier": (role: Role) => api.findScramVerifier(makeCaller(role, owner.tenantId), { keyId: randomUUID() }),
        "access.authenticateSignature": (role: Role) => api.authenticateSignature(makeCaller(role, owner.tenantId), proofOf(noKey)),
        "access.createApiKey": (role: Role) => api.createApiKey(makeCaller(role, owner.tenantId), { name: "x", role: "owner" }),
        "access.listApiKeys": (role: Role) => api.listApiKeys(makeCaller(role, owner.tenantId), {}),
        "access.revokeApiKey": (role: Role) => api.revokeApiKey(makeCaller(role, owner.tenantId), { id: randomUUID() }),
        "access.getTenant": (role: Role) => api.getTenant(makeCaller(role, owner.tenantId), {}),
        "access.listTenants": (role: Role) => api.listTenants(makeCaller(role, owner.tenantId), {}),
        "access.setTenantStatus": (role: Role) => api.setTenantStatus(makeCaller(role, owner.tenantId), { tenantId: "", status: "active" }),
        "access.listTenantsSince": (role: Role) => api.listTenantsSince(makeCaller(role, owner.tenantId), { sinceMs: 0 }),
        "access.listSuspendedTenants": (role: Role) => api.listSuspendedTenants(makeCaller(role, owner.tenantId), {}),
      };
      const names = Object.keys(operations).filter((name) => name.startsWith("access."));
      expect(Object.keys(calls).sort()).toEqual(names.sort());
      for (const [name, call] of Object.entries(calls)) {
        const allowed: readonly Role[] = operations[name as keyof typeof calls];
        for (const role of roles.filter((candidate) => !allowed.includes(candidate))) {
          const error = await errorOf(call(role));
          expect(`${name} by ${role}: ${error.code}`).toBe(`${name} by ${role}: permissionDenied`);
        }
      }
    });
  });
}
