import { randomUUID } from "node:crypto";
import { operations, type Role, serviceCaller, type ThingModelApi } from "@mooring/contracts";
import { errorOf, makeCaller, pointersOf } from "@mooring/testkit";
import { checkModel, exportFormatNames, exportFormats } from "@mooring/thing-model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { describeLifeCycle, describeReferences } from "./conformance/life-cycle.ts";
import type { Harness } from "./harness.test-support.ts";
import { makeDocument } from "./sample.test-support.ts";

const roles: readonly Role[] = ["owner", "operator", "backend", "viewer", "device", "service"];

const numbered = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, index) => [index.toString(36), 0]));

const hostileModels: readonly (readonly [title: string, document: string])[] = [
  ["nested 200,000 deep", '{"a":'.repeat(200_000)],
  ["of an array nested 200,000 deep", "[".repeat(200_000)],
  ["of 100,000 keys", JSON.stringify({ sdfProperty: numbered(100_000) })],
  ["with __proto__", '{"sdfProperty":{"__proto__":{"polluted":true}}}'],
  ["with constructor.prototype", '{"sdfObject":{"constructor":{"prototype":{"polluted":true}}}}'],
  ["of 1e400", '{"sdfProperty":{"P":{"type":"number","maximum":1e400}}}'],
  ["of repeated repetitions", JSON.stringify({ sdfProperty: { P: { type: "string", pattern: "((a{999}){999}){999}" } } })],
];

/** What everything that calls itself a ThingModelApi must do. `open` gives it with a store of its own. */
export function describeThingModelApi(title: string, open: () => Promise<Harness>): void {
  describe(title, () => {
    let harness: Harness;
    let api: ThingModelApi;
    beforeAll(async () => {
      harness = await open();
      api = harness.api;
    });
    afterAll(() => harness.stop());
    const name = "thermostat";
    const version = "1.0.0";

    test("a model is read back byte for byte, with the hash of its compiled form", async () => {
      const owner = makeCaller();
      const document = ` ${makeDocument()}\n`;
      const { model, findings } = await api.publish(owner, { name, version, document });
      expect(findings).toEqual([]);
      const contentHash = checkModel(document).model?.contentHash;
      expect(model).toEqual({ name, version, contentHash, publishedAtMs: expect.any(Number), state: "published" });
      expect(await api.get(makeCaller("viewer", owner.tenantId), { name, version })).toEqual({ model, document, imports: [] });
    });

    test("the same text again is the same version, another text is refused and changes nothing", async () => {
      const owner = makeCaller();
      const document = makeDocument();
      const { model } = await api.publish(owner, { name, version, document });
      expect((await api.publish(owner, { name, version, document })).model).toEqual(model);
      const other = { name, version, document: `${document} ` };
      expect(await errorOf(api.publish(owner, other))).toMatchObject({ code: "alreadyExists" });
      expect(await api.get(owner, { name, version })).toEqual({ model, document, imports: [] });
    });

    test("a version that differs from another one in build metadata only is refused (SemVer 2.0.0 s10)", async () => {
      const owner = makeCaller();
      await api.publish(owner, { name, version: "1.0.0+a", document: makeDocument() });
      const twin = { name, version: "1.0.0+b", document: makeDocument(7) };
      expect(await errorOf(api.publish(owner, twin))).toMatchObject({ code: "failedPrecondition" });
      expect(await errorOf(api.get(owner, { name, version: "1.0.0+b" }))).toMatchObject({ code: "notFound" });
    });

    test("of two texts published at once under one version, one is refused as existing already", async () => {
      const owner = makeCaller();
      const attempts = [1, 2, 3, 4].map((maximum) => api.publish(owner, { name, version, document: makeDocument(maximum) }));
      const outcomes = await Promise.allSettled(attempts);
      expect(outcomes.filter(({ status }) => status === "fulfilled").length).toBe(1);
      const codes = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason.code] : []));
      expect(codes).toEqual(["alreadyExists", "alreadyExists", "alreadyExists"]);
    });

    test("a model with errors is refused with each of them and where it is", async () => {
      const owner = makeCaller();
      const document = JSON.stringify({ sdfProperty: { A: { type: "numbr" }, B: { type: "number", minimum: "0" } } });
      const error = await errorOf(api.publish(owner, { name, version, document }));
      expect(error.code).toBe("invalidArgument");
      expect(pointersOf(error)).toEqual(["/sdfProperty/A/type", "/sdfProperty/B/minimum"]);
      expect(await errorOf(api.get(owner, { name, version }))).toMatchObject({ code: "notFound" });
    });

    test("warnings come with the answer", async () => {
      const document = JSON.stringify({ sdfProperty: { A: { type: "number", madeUp: true } } });
      const { findings } = await api.publish(makeCaller(), { name, version, document });
      expect(findings).toContainEqual(expect.objectContaining({ severity: "warning", pointer: "/sdfProperty/A/madeUp" }));
    });

    test.each(["", "{", "[]", '{"a":1,"a":2}', '{"__proto__":{}}', `"${"\\ud800"}"`])("%j is no model", async (document) => {
      expect(await errorOf(api.publish(makeCaller(), { name, version, document }))).toMatchObject({ code: "invalidArgument" });
    });

    test.each(hostileModels)("a model %s is refused by name within 100 ms of CPU", async (_title, document) => {
      const owner = makeCaller();
      expect(await errorOf(api.publish(owner, { name, version, document }))).toMatchObject({ code: "invalidArgument" });
      const times: number[] = [];
      for (let round = 0; round < 5; round++) {
        const before = process.cpuUsage();
        await errorOf(api.publish(owner, { name, version, document }));
        const { user, system } = process.cpuUsage(before);
        times.push((user + system) / 1_000);
      }
      // What else this process does only ever adds; over the wire both ends are this process.
      expect(Math.min(...times)).toBeLessThan(100);
      expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    });

    test("a pattern that backtracks elsewhere is answered in time for a long text", async () => {
      const owner = makeCaller();
      const document = JSON.stringify({ sdfProperty: { P: { type: "string", pattern: "^(a+)+$" } } });
      await api.publish(owner, { name, version, document });
      const payload = { P: `${"a".repeat(100_000)}!` };
      const validate = () => api.validate(owner, { name, version, kind: "properties", payload });
      expect((await validate()).errors).toMatchObject([{ pointer: "/P" }]);
      const before = process.cpuUsage();
      await validate();
      expect(process.cpuUsage(before).user / 1_000).toBeLessThan(500);
    });

    test.each(["1", "1.0", "v1.0.0", "01.0.0", "1.0.0-", "1.0.0-01", "1.0.0 ", "latest", "", `1.0.0-${"a".repeat(64)}`])(
      "%j is no version",
      async (wrong) => {
        const error = await errorOf(api.publish(makeCaller(), { name, version: wrong, document: makeDocument() }));
        expect(pointersOf(error)).toEqual(["/version"]);
        expect(await errorOf(api.get(makeCaller(), { name, version: wrong }))).toMatchObject({ code: "notFound" });
      },
    );

    test.each(["1.0.0-rc.1", "0.0.1", "10.20.30+build.7", "1.0.0-0a.x-y"])("%j is a version", async (right) => {
      expect((await api.publish(makeCaller(), { name, version: right, document: makeDocument() })).model.version).toBe(right);
    });

    test("a name and a version that are wrong are both named", async () => {
      const error = await errorOf(api.publish(makeCaller(), { name: "a/b", version: "x", document: makeDocument() }));
      expect(pointersOf(error)).toEqual(["/name", "/version"]);
    });

    test("lists give all versions, or one model's, newest first, and no other tenant's", async () => {
      const owner = makeCaller();
      const document = makeDocument();
      for (const published of ["1.0.0", "1.1.0", "2.0.0"]) await api.publish(owner, { name, version: published, document });
      await api.publish(owner, { name: "valve", version, document });
      const all = (await api.list(owner, {})).models;
      expect(all.length).toBe(4);
      expect(all.map(({ publishedAtMs }) => publishedAtMs)).toEqual(all.map(({ publishedAtMs }) => publishedAtMs).sort((a, b) => b - a));
      expect((await api.list(owner, { name })).models.map((model) => model.version).sort()).toEqual(["1.0.0", "1.1.0", "2.0.0"]);
      expect(await api.list(owner, { name: "a/b" })).toEqual({ models: [] });
      expect(await api.list(makeCaller(), {})).toEqual({ models: [] });
    });

    test("another tenant's model is missing, in the same words as one that never was, also when the tenant is named", async () => {
      const owner = makeCaller();
      await api.publish(owner, { name, version, document: makeDocument() });
      const other = makeCaller();
      const never = await errorOf(api.get(other, { name: "never", version }));
      expect(never.code).toBe("notFound");
      for (const request of [
        { name, version },
        { name, version, tenantId: owner.tenantId },
      ]) {
        expect(await errorOf(api.get(other, request))).toMatchObject({ code: "notFound", message: never.message });
      }
      await api.publish(other, { name, version, document: makeDocument(7) });
      expect((await api.get(owner, { name, version })).document).toBe(makeDocument());
    });

    test("one of the platform's own services says whose model it wants", async () => {
      const owner = makeCaller();
      const { model } = await api.publish(owner, { name, version, document: makeDocument() });
      const gateway = serviceCaller("gateway");
      expect(await api.get(gateway, { name, version, tenantId: owner.tenantId })).toMatchObject({ model });
      expect(await errorOf(api.get(gateway, { name, version, tenantId: randomUUID() }))).toMatchObject({ code: "notFound" });
      expect(pointersOf(await errorOf(api.get(gateway, { name, version })))).toEqual(["/tenantId"]);
      expect(pointersOf(await errorOf(api.get(gateway, { name, version, tenantId: "x" })))).toEqual(["/tenantId"]);
    });

    test("a version is exported in every format, the same each time, with what is lost", async () => {
      const owner = makeCaller();
      await api.publish(owner, { name, version, document: makeDocument() });
      for (const format of exportFormatNames) {
        const exported = await api.export(makeCaller("viewer", owner.tenantId), { name, version, format });
        expect(exported.text).toContain("Temperature");
        expect(exported.mediaType).toBe(exportFormats[format].mediaType);
        expect(await api.export(owner, { name, version, format })).toEqual(exported);
      }
      const { losses } = await api.export(owner, { name, version, format: "typescript" });
      expect(losses).toContainEqual({
        pointer: "/sdfObject/Thermostat/sdfProperty/Temperature",
        sentence: expect.stringMatching(/bounds/),
      });
    });

    test("a format there is not, a version there is not and another tenant's version are refused", async () => {
      const owner = makeCaller();
      await api.publish(owner, { name, version, document: makeDocument() });
      expect(pointersOf(await errorOf(api.export(owner, { name, version, format: "xml" })))).toEqual(["/format"]);
      expect(await errorOf(api.export(owner, { name, version: "9.9.9", format: "tsl" }))).toMatchObject({ code: "notFound" });
      expect(await errorOf(api.export(makeCaller(), { name, version, format: "tsl" }))).toMatchObject({ code: "notFound" });
      const known = { name, version, format: "tsl", tenantId: owner.tenantId };
      expect((await api.export(serviceCaller("gateway"), known)).text).toContain("Temperature");
    });

    test("a TSL is published as SDF, once for the same text, and exported as it was", async () => {
      const owner = makeCaller();
      const tsl = {
        profile: { productKey: "lamp" },
        properties: [{ identifier: "on", dataType: { type: "bool", specs: { 0: "off", 1: "on" } } }],
      };
      const request = { name, version, document: JSON.stringify(tsl), format: "tsl" };
      const { model } = await api.publish(owner, request);
      expect((await api.publish(owner, request)).model).toEqual(model);
      const { document } = await api.get(owner, { name, version });
      expect(checkModel(document).model?.validateProperties({ on: 1 })).toEqual([]);
      expect(JSON.parse((await api.export(owner, { name, version, format: "tsl" })).text)).toEqual(tsl);
    });

    test("a TSL that is wrong is refused with its member, an unknown format with its name, and what is lost is a warning", async () => {
      const owner = makeCaller();
      const wrong = JSON.stringify({ properties: [{ identifier: "a", dataType: { type: "long" } }] });
      expect(pointersOf(await errorOf(api.publish(owner, { name, version, document: wrong, format: "tsl" })))).toEqual([
        "/properties/0/dataType/type",
      ]);
      expect(pointersOf(await errorOf(api.publish(owner, { name, version, document: wrong, format: "xml" })))).toEqual(["/format"]);
      expect(await errorOf(api.get(owner, { name, version }))).toMatchObject({ code: "notFound" });
      const enveloped = JSON.stringify({ model: { properties: [] }, entities: [] });
      const { findings } = await api.publish(owner, { name, version, document: enveloped, format: "tsl" });
      expect(findings).toContainEqual({ severity: "warning", pointer: "/entities", message: expect.stringMatching(/envelope/) });
    });

    test("field numbers stay with a model: no version's field takes the number of another's", async () => {
      const owner = makeCaller();
      const withProperties = (...properties: string[]) =>
        JSON.stringify({
          sdfObject: { O: { sdfProperty: Object.fromEntries(properties.map((property) => [property, { type: "number" }])) } },
        });
      await api.publish(owner, { name, version: "1.0.0", document: withProperties("a", "b") });
      await api.publish(owner, { name, version: "2.0.0", document: withProperties("b", "c") });
      await api.publish(owner, { name, version: "3.0.0", document: withProperties("d") });
      const numbersOf = async (of: string) => {
        const { text } = await api.export(owner, { name, version: of, format: "proto" });
        return [...text.matchAll(/double (\w+) = (\d+)/g)].map(([, field, number]) => `${field}=${number}`);
      };
      const [second, third] = await Promise.all([numbersOf("2.0.0"), numbersOf("3.0.0")]);
      const first = await numbersOf("1.0.0");
      const all = [...first, ...second, ...third];
      expect(new Set(all).size).toBe(4);
      expect(new Set(all.map((entry) => entry.split("=")[1])).size).toBe(4);
      expect(await numbersOf("2.0.0")).toEqual(second);
      expect(await numbersOf("3.0.0")).toEqual(third);
    });

    test("only the roles the table of operations names may do an operation", async () => {
      const calls = {
        "thingModel.publish": (role: Role) => api.publish(makeCaller(role), { name, version, document: makeDocument() }),
        "thingModel.get": (role: Role) => api.get(makeCaller(role), { name, version }),
        "thingModel.list": (role: Role) => api.list(makeCaller(role), {}),
        "thingModel.saveDraft": (role: Role) => api.saveDraft(makeCaller(role), { name, version, document: makeDocument() }),
        "thingModel.deprecate": (role: Role) => api.deprecate(makeCaller(role), { name, version }),
        "thingModel.retire": (role: Role) => api.retire(makeCaller(role), { name, version }),
        "thingModel.listFindings": (role: Role) => api.listFindings(makeCaller(role), { name, version }),
        "thingModel.diff": (role: Role) => api.diff(makeCaller(role), { name, version, against: "0.1.0" }),
        "thingModel.validate": (role: Role) => api.validate(makeCaller(role), { name, version, kind: "properties", payload: {} }),
        "thingModel.listChanges": (role: Role) => api.listChanges(makeCaller(role), { sinceMs: 0 }),
        "thingModel.export": (role: Role) => api.export(makeCaller(role), { name, version, format: "tsl" }),
      };
      const names = Object.keys(operations).filter((operation) => operation.startsWith("thingModel."));
      expect(Object.keys(calls).sort()).toEqual(names.sort());
      for (const [operation, call] of Object.entries(calls)) {
        const allowed: readonly Role[] = operations[operation as keyof typeof calls];
        for (const role of roles.filter((candidate) => !allowed.includes(candidate))) {
          const error = await errorOf(call(role));
          expect(`${operation} by ${role}: ${error.code}`).toBe(`${operation} by ${role}: permissionDenied`);
        }
      }
    });

    describeLifeCycle(() => api);
    describeReferences(() => api);
  });
}
