import { serviceCaller, type ThingModelApi } from "@mooring/contracts";
import { errorOf, makeCaller, pointersOf } from "@mooring/testkit";
import { exportFormatNames } from "@mooring/thing-model";
import { describe, expect, test } from "vitest";
import { makeDocument } from "../sample.test-support.ts";

const name = "thermostat";
const AT = "/sdfObject/Thermostat/sdfProperty/Temperature/maximum";

/** Draft, published, deprecated, retired; ranges; what a version promises to the one before it. */
export function describeLifeCycle(api: () => ThingModelApi): void {
  test("a draft is kept with its errors, may be changed, and is replaced by what is published under its version", async () => {
    const owner = makeCaller();
    const version = "1.0.0";
    const broken = await api().saveDraft(owner, { name, version, document: '{"sdfProperty":{"A":{"type":"numbr"}}}' });
    expect(broken).toMatchObject({ model: { state: "draft", contentHash: "" }, findings: [{ pointer: "/sdfProperty/A/type" }] });
    expect(await api().listFindings(owner, { name, version })).toEqual({ findings: broken.findings });
    await api().saveDraft(owner, { name, version, document: makeDocument(1) });
    expect(await api().get(owner, { name, version })).toMatchObject({ document: makeDocument(1), model: { state: "draft" } });
    expect((await api().publish(owner, { name, version, document: makeDocument(2) })).model.state).toBe("published");
    expect((await api().get(owner, { name, version })).document).toBe(makeDocument(2));
    expect(await errorOf(api().saveDraft(owner, { name, version, document: makeDocument(3) }))).toMatchObject({
      code: "failedPrecondition",
    });
    expect((await api().get(owner, { name, version })).document).toBe(makeDocument(2));
  });

  test("a version that is not compatible with the one before it in its major is refused, with the member and the reason", async () => {
    const owner = makeCaller();
    await api().publish(owner, { name, version: "1.0.0", document: makeDocument(120) });
    const narrower = await api().publish(owner, { name, version: "1.1.0", document: makeDocument(100) });
    expect(narrower.changes).toMatchObject([{ pointer: AT, member: "property Temperature", kind: "narrower", isCompatible: true }]);
    const error = await errorOf(api().publish(owner, { name, version: "1.2.0", document: makeDocument(110) }));
    expect(error).toMatchObject({
      code: "failedPrecondition",
      message: expect.stringMatching(/1\.2\.0 is not compatible with 1\.1\.0.*maximum 110/),
    });
    expect(pointersOf(error)).toEqual([AT]);
    expect(await errorOf(api().get(owner, { name, version: "1.2.0" }))).toMatchObject({ code: "notFound" });
    expect((await api().publish(owner, { name, version: "2.0.0", document: makeDocument(110) })).changes).toEqual([]);
    expect((await api().publish(owner, { name, version: "1.2.0-rc.1", document: makeDocument(110) })).changes).toEqual([]);
  });

  test("a version between two others must be compatible with both", async () => {
    const owner = makeCaller();
    await api().publish(owner, { name, version: "1.0.0", document: makeDocument(120) });
    await api().publish(owner, { name, version: "1.2.0", document: makeDocument(100) });
    expect(await errorOf(api().publish(owner, { name, version: "1.1.0", document: makeDocument(90) }))).toMatchObject({
      code: "failedPrecondition",
      message: expect.stringContaining("not compatible with 1.2.0"),
    });
    await api().publish(owner, { name, version: "1.1.0", document: makeDocument(110) });
  });

  test("a version goes from published to deprecated to retired, with its replacement and its time, and no other way", async () => {
    const owner = makeCaller();
    for (const version of ["1.0.0", "2.0.0"]) await api().publish(owner, { name, version, document: makeDocument() });
    const key = { name, version: "1.0.0" };
    expect(await errorOf(api().retire(owner, key))).toMatchObject({
      code: "failedPrecondition",
      message: expect.stringContaining("is published"),
    });
    const retireAtMs = Date.now() + 1_000_000;
    const { model } = await api().deprecate(owner, { ...key, replacement: "2.0.0", retireAtMs });
    expect(model).toMatchObject({ state: "deprecated", replacement: "2.0.0", retireAtMs });
    expect((await api().get(owner, key)).model).toEqual(model);
    expect((await api().retire(owner, key)).model.state).toBe("retired");
    expect(await errorOf(api().deprecate(owner, key))).toMatchObject({ code: "failedPrecondition" });
    expect((await api().get(owner, key)).document).toBe(makeDocument());
    expect(await errorOf(api().deprecate(owner, { ...key, version: "9.0.0" }))).toMatchObject({ code: "notFound" });
    expect(await errorOf(api().deprecate(owner, { name, version: "2.0.0", replacement: "9.0.0" }))).toMatchObject({ code: "notFound" });
    expect(pointersOf(await errorOf(api().deprecate(owner, { name, version: "2.0.0", retireAtMs: 1 })))).toEqual(["/retireAt"]);
    expect(await errorOf(api().retire(makeCaller(), key))).toMatchObject({ code: "notFound" });
  });

  test("a range is the newest version that is published in it, and what changed is told to those who keep models", async () => {
    const owner = makeCaller();
    const service = serviceCaller("gateway");
    for (const version of ["1.0.0", "1.1.0", "2.0.0", "1.2.0-rc.1"])
      await api().publish(owner, { name, version, document: makeDocument() });
    const versionOf = async (version: string) => (await api().get(service, { name, version, tenantId: owner.tenantId })).model.version;
    expect([await versionOf("^1"), await versionOf("~1.0"), await versionOf("^2")]).toEqual(["1.1.0", "1.0.0", "2.0.0"]);
    const { nowMs } = await api().listChanges(service, { sinceMs: 0 });
    await api().publish(owner, { name, version: "1.3.0", document: makeDocument() });
    expect((await api().listChanges(service, { sinceMs: nowMs })).models).toContainEqual({ tenantId: owner.tenantId, name });
    expect((await api().listChanges(service, { sinceMs: nowMs + 1_000_000 })).models).toEqual([]);
    expect(await versionOf("^1")).toBe("1.3.0");
    await api().deprecate(owner, { name, version: "1.3.0" });
    expect(await versionOf("^1")).toBe("1.1.0");
    for (const wrong of ["^3", "^1.x", "1", "*", "^"]) expect(await errorOf(versionOf(wrong))).toMatchObject({ code: "notFound" });
  });

  test("a range is exported as the version it stands for, a draft not before it is published", async () => {
    const owner = makeCaller();
    for (const version of ["1.0.0", "1.1.0"]) await api().publish(owner, { name, version, document: makeDocument() });
    const exportOf = (version: string) => api().export(owner, { name, version, format: "proto" });
    expect(await exportOf("^1")).toEqual(await exportOf("1.1.0"));
    await api().saveDraft(owner, { name, version: "1.2.0", document: makeDocument() });
    expect(await errorOf(exportOf("1.2.0"))).toMatchObject({ code: "failedPrecondition", message: expect.stringContaining("is a draft") });
    await api().publish(owner, { name, version: "1.2.0", document: makeDocument() });
    expect((await exportOf("1.2.0")).text).toContain("Temperature");
  });

  test("a model of another format takes a draft's place and is held to the version before it", async () => {
    const owner = makeCaller();
    const tsl = (max: string) =>
      JSON.stringify({ properties: [{ identifier: "L", accessMode: "r", dataType: { type: "int", specs: { min: "0", max } } }] });
    const publish = (version: string, max: string) => api().publish(owner, { name, version, document: tsl(max), format: "tsl" });
    await api().saveDraft(owner, { name, version: "1.0.0", document: "{" });
    expect((await publish("1.0.0", "9")).model.state).toBe("published");
    expect((await publish("1.1.0", "8")).changes).toMatchObject([{ member: "property L", kind: "narrower", isCompatible: true }]);
    expect(await errorOf(publish("1.2.0", "10"))).toMatchObject({ code: "failedPrecondition" });
  });

  test("two versions are compared and a payload is tried without anything being stored", async () => {
    const owner = makeCaller();
    const viewer = makeCaller("viewer", owner.tenantId);
    for (const [version, maximum] of [
      ["1.0.0", 120],
      ["2.0.0", 130],
    ] as const)
      await api().publish(owner, { name, version, document: makeDocument(maximum) });
    const diff = await api().diff(viewer, { name, version: "2.0.0", against: "1.0.0" });
    expect(diff).toMatchObject({ isCompatible: false, changes: [{ pointer: AT, kind: "wider", directions: ["sent"] }] });
    expect(await api().diff(viewer, { name, version: "^2", against: "2.0.0" })).toEqual({ isCompatible: true, changes: [] });
    const validate = (kind: string, payload: { readonly [name: string]: number }, member?: string) =>
      api().validate(viewer, { name, version: "^1", kind, payload, ...(member === undefined ? {} : { member }) });
    expect(await validate("properties", { Temperature: 120 })).toEqual({ errors: [] });
    expect((await validate("properties", { Temperature: 121 })).errors).toEqual([
      { pointer: "/Temperature", expected: "number <= 120", got: "number 121", message: expect.any(String) },
    ]);
    expect((await validate("desired", { Temperature: 1 })).errors).toHaveLength(1);
    expect((await validate("event", {}, "none")).errors).toHaveLength(1);
    expect(pointersOf(await errorOf(validate("event", {})))).toEqual(["/member"]);
    expect(pointersOf(await errorOf(validate("nothing", {})))).toEqual(["/kind"]);
    await api().saveDraft(owner, { name, version: "3.0.0", document: "{" });
    expect(await errorOf(api().diff(viewer, { name, version: "3.0.0", against: "1.0.0" }))).toMatchObject({ code: "failedPrecondition" });
  });
}

/** Models that refer to others of the tenant by global names. */
export function describeReferences(api: () => ThingModelApi): void {
  describe("a model that refers to another's namespace", () => {
    const namespaces = { namespace: { lib: "https://models.example/lib", own: "https://models.example/own" } };
    const library = (maximum: number) =>
      JSON.stringify({ ...namespaces, defaultNamespace: "lib", sdfData: { Level: { type: "number", maximum } } });
    const document = JSON.stringify({ ...namespaces, defaultNamespace: "own", sdfProperty: { L: { sdfRef: "lib:#/sdfData/Level" } } });

    test("is exported with what it refers to, as it was when it was published", async () => {
      const owner = makeCaller();
      await api().publish(owner, { name: "library", version: "1.0.0", document: library(5) });
      await api().publish(owner, { name: "tank", version: "1.0.0", document });
      await api().publish(owner, { name: "library", version: "2.0.0", document: library(9) });
      for (const format of exportFormatNames) {
        const { text } = await api().export(owner, { name: "tank", version: "1.0.0", format });
        expect(text).toMatch(/\bL\b/);
      }
      const { text } = await api().export(owner, { name: "tank", version: "1.0.0", format: "json-schema" });
      expect(text).toMatch(/"maximum": ?5\b/);
      expect(text).not.toContain("sdfRef");
    });

    test("finds it among what the tenant has published, and keeps it as it was then", async () => {
      const owner = makeCaller();
      const publish = (model: string, version: string, text: string) => api().publish(owner, { name: model, version, document: text });
      const error = await errorOf(publish("tank", "1.0.0", document));
      expect(pointersOf(error)).toEqual(["/sdfProperty/L/sdfRef"]);
      await publish("library", "1.0.0", library(5));
      await api().saveDraft(owner, { name: "library", version: "1.1.0", document: library(1) });
      await publish("tank", "1.0.0", document);
      await publish("library", "2.0.0", library(9));
      expect(await api().get(owner, { name: "tank", version: "1.0.0" })).toMatchObject({ document, imports: [library(5)] });
      const errorsOf = async (L: number) =>
        (await api().validate(owner, { name: "tank", version: "1.0.0", kind: "properties", payload: { L } })).errors.length;
      expect([await errorsOf(5), await errorsOf(6)]).toEqual([0, 1]);
      expect(await errorOf(api().publish(makeCaller(), { name: "tank", version: "1.0.0", document }))).toMatchObject({
        code: "invalidArgument",
      });
      expect(await publish("tank", "1.1.0", document).catch((thrown: unknown) => thrown)).toMatchObject({
        code: "failedPrecondition",
        message: expect.stringContaining("maximum 9"),
      });
    });

    test("takes what it names, and what that names, out of a namespace of however many models", async () => {
      const owner = makeCaller();
      const publish = (model: string, text: string) => api().publish(owner, { name: model, version: "1.0.0", document: text });
      const inLibrary = (sdfData: Readonly<Record<string, object>>) => JSON.stringify({ ...namespaces, defaultNamespace: "lib", sdfData });
      const part = inLibrary({ Level: { sdfRef: "lib:#/sdfData/Base" }, Other: { sdfRef: "lib:#/sdfData/Shape40" } });
      await publish("base", inLibrary({ Base: { type: "number", maximum: 5 } }));
      for (let index = 0; index < 93; index += 1) await publish(`shape${index}`, inLibrary({ [`Shape${index}`]: { type: "number" } }));
      await publish("part", part);
      await publish("tank", document);
      const { imports } = await api().get(owner, { name: "tank", version: "1.0.0" });
      expect(imports).toHaveLength(3);
      expect(imports[0]).toBe(part);
    }, 60_000);

    test("takes a release before a newer pre-release, and a deprecated one where there is no other, with a warning", async () => {
      const owner = makeCaller();
      const publish = (model: string, version: string, text: string) => api().publish(owner, { name: model, version, document: text });
      await publish("library", "1.0.0", library(5));
      await publish("library", "2.0.0-rc.1", library(9));
      expect((await publish("tank", "1.0.0", document)).findings).toEqual([]);
      expect((await api().get(owner, { name: "tank", version: "1.0.0" })).imports).toEqual([library(5)]);
      await api().deprecate(owner, { name: "library", version: "1.0.0" });
      const { findings } = await publish("tank", "1.1.0", document);
      expect(findings).toEqual([
        { severity: "warning", pointer: "/sdfProperty/L/sdfRef", message: "The version library 1.0.0 referred to is deprecated." },
      ]);
      expect((await api().get(owner, { name: "tank", version: "1.1.0" })).imports).toEqual([library(5)]);
      await publish("library", "1.0.1", library(5));
      expect((await publish("tank", "1.2.0", document)).findings).toEqual([]);
    });
  });
}
