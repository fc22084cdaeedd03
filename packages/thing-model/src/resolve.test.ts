import { readFileSync } from "node:fs";
import type { JsonObject } from "@mooring/contracts";
import { describe, expect, test } from "vitest";
import { wantedNames } from "./reference.ts";
import { resolveSdf } from "./resolve.ts";

const fixture = JSON.parse(readFileSync(new URL("./fixtures/references.sdf.json", import.meta.url), "utf8")) as JsonObject;
const errorsOf = (document: JsonObject) => resolveSdf(document).findings.map(({ pointer, message }) => `${pointer}: ${message}`);

describe("resolveSdf", () => {
  test("copies the referenced definition and patches it with the members beside sdfRef [RFC 9880 s4.4, RFC 7396]", () => {
    const { document, findings } = resolveSdf(fixture);
    expect(findings).toEqual([]);
    expect(document["sdfObject"]).toEqual({
      Base: {
        sdfRequired: ["#/sdfObject/Base/sdfProperty/reach"],
        sdfProperty: {
          reach: { type: "number", unit: "m", minimum: 0, description: "Never negative.", maximum: 10 },
          idle: { type: "boolean" },
        },
        sdfAction: { reset: {}, stop: {} },
      },
      Arm: {
        sdfRequired: ["#/sdfObject/Arm/sdfProperty/reach"],
        sdfProperty: { reach: { type: "number", unit: "m", minimum: 0.05, maximum: 10 }, idle: { type: "boolean" } },
        sdfAction: { stop: {}, measure: { sdfOutputData: expect.anything() } },
      },
    });
  });

  test("does not change its input", () => {
    const before = structuredClone(fixture);
    resolveSdf(fixture);
    expect(fixture).toEqual(before);
  });

  test("follows a reference into what another definition inherits", () => {
    const { document, findings } = resolveSdf({
      sdfData: { Copy: { sdfRef: "#/sdfObject/B/sdfProperty/x" } },
      sdfObject: {
        A: { sdfProperty: { x: { type: "number", minimum: 1 } } },
        B: { sdfRef: "#/sdfObject/A", sdfProperty: { x: { maximum: 2 } } },
      },
    });
    expect(findings).toEqual([]);
    expect(document["sdfData"]).toEqual({ Copy: { type: "number", minimum: 1, maximum: 2 } });
  });

  test("takes a sdfRef inside a const for the value it is", () => {
    const value = { const: { sdfRef: "#/nowhere" } };
    expect(resolveSdf({ sdfData: { D: value } })).toMatchObject({ document: { sdfData: { D: value } }, findings: [] });
  });

  test("turns required members twice inherited to each place, whichever is resolved first [RFC 9880 s4.5]", () => {
    const { document } = resolveSdf({
      sdfObject: {
        A: { sdfRef: "#/sdfObject/B" },
        B: { sdfRef: "#/sdfObject/C" },
        C: { sdfRequired: ["#/sdfObject/C/sdfProperty/x"], sdfProperty: { x: {} } },
      },
    });
    for (const name of ["A", "B", "C"]) {
      expect(document).toHaveProperty(["sdfObject", name, "sdfRequired"], [`#/sdfObject/${name}/sdfProperty/x`]);
    }
  });

  describe("with other documents", () => {
    const pg = "https://models.example/pg";
    const library: JsonObject = {
      namespace: { own: `${pg}#`, ex: "https://models.example/ex" },
      defaultNamespace: "own",
      sdfData: { "a/b": { type: "number", minimum: 1 }, there: { sdfRef: "ex:#/sdfData/back" } },
      sdfObject: {
        Base: { sdfRequired: ["#/sdfObject/Base/sdfProperty/x", "#/sdfData/a~1b"], sdfProperty: { x: { sdfRef: "own:/sdfData/a~1b" } } },
        Switch: { sdfRef: "#/sdfObject/Base", sdfAction: { toggle: {}, on: {} } },
      },
    };
    const header: JsonObject = {
      namespace: { pg, ex: "https://models.example/ex", base: "https://models.example/" },
      defaultNamespace: "ex",
    };

    test("a name is looked for in those of its namespace, and what it brings is patched as one's own [RFC 9880 s4.3]", () => {
      const { document, findings } = resolveSdf(
        { ...header, sdfObject: { O: { sdfRef: "pg:#/sdfObject/Switch", sdfAction: { toggle: null } } } },
        [{}, library],
      );
      expect(findings).toEqual([]);
      expect(document["sdfObject"]).toEqual({
        O: { sdfRequired: ["#/sdfObject/O/sdfProperty/x"], sdfProperty: { x: { type: "number", minimum: 1 } }, sdfAction: { on: {} } },
      });
    });

    test("prefix and rest are put together as they are: a part of the URI may stand after the colon", () => {
      const { document } = resolveSdf({ ...header, sdfData: { D: { sdfRef: "base:pg#/sdfData/a~1b" } } }, [library]);
      expect(document["sdfData"]).toEqual({ D: { type: "number", minimum: 1 } });
    });

    test("one namespace may be spread over documents, the first of which is the one that refers", () => {
      const other: JsonObject = { ...header, sdfData: { D: { type: "string" }, E: { type: "boolean" } } };
      const { document } = resolveSdf(
        { ...header, sdfData: { D: { type: "number" }, F: { sdfRef: "ex:#/sdfData/D" }, G: { sdfRef: "#/sdfData/E" } } },
        [other],
      );
      expect(document["sdfData"]).toEqual({ D: { type: "number" }, F: { type: "number" }, G: { type: "boolean" } });
    });

    test("a cycle through another document is found, and every finding leads to the reference in this one", () => {
      const { findings } = resolveSdf({ ...header, sdfData: { back: { sdfRef: "pg:#/sdfData/there" } } }, [library]);
      expect(findings).toEqual([{ severity: "error", pointer: "/sdfData/back/sdfRef", message: "The sdfRef leads back to itself." }]);
    });

    test.each([
      ["pg:#/sdfData/none", /names nothing/],
      ["base:#/sdfData/a", /not at hand/],
      ["zz:#/sdfData/a", /not one of those/],
      ["pg:x", /JSON pointer after #/],
    ])("%s is an error", (sdfRef, message) => {
      const { findings } = resolveSdf({ ...header, sdfData: { D: { sdfRef } } }, [library]);
      expect(findings).toEqual([{ severity: "error", pointer: "/sdfData/D/sdfRef", message: expect.stringMatching(message) }]);
    });

    test("wantedNames tells which ones other documents must have", () => {
      const sdfData = {
        D: { sdfRef: "pg:#/sdfData/a/items" },
        E: { items: { sdfRef: "ex:#/b" } },
        F: { sdfRef: "#/sdfData/D" },
        G: { sdfRef: "#/c" },
      };
      const wanted = wantedNames({ ...header, sdfData }).map(({ namespace, tokens, pointer }) => [pointer, namespace, tokens.join("/")]);
      expect(wanted).toEqual([
        ["/sdfData/D/sdfRef", pg, "sdfData/a/items"],
        ["/sdfData/E/items/sdfRef", "https://models.example/ex", "b"],
        ["/sdfData/G/sdfRef", "https://models.example/ex", "c"],
      ]);
    });
  });

  test.each<[string, JsonObject, RegExp]>([
    ["a cycle of one", { sdfData: { A: { sdfRef: "#/sdfData/A" } } }, /^\/sdfData\/A\/sdfRef: .*back to itself/],
    ["a cycle of two", { sdfData: { A: { sdfRef: "#/sdfData/B" }, B: { sdfRef: "#/sdfData/A" } } }, /back to itself/],
    ["a definition that contains itself", { sdfData: { A: { properties: { a: { sdfRef: "#/sdfData/A" } } } } }, /back to itself/],
    ["a target that is not there", { sdfData: { A: { sdfRef: "#/sdfData/B" } } }, /^\/sdfData\/A\/sdfRef: .*names nothing/],
    ["a target that is no definition", { sdfData: { A: { sdfRef: "#/info" } }, info: 1 }, /names nothing/],
    ["an inherited name of Object.prototype", { sdfData: { A: { sdfRef: "#/toString" } } }, /names nothing/],
    ["an unknown prefix", { sdfData: { A: { sdfRef: "x:#/sdfData/B" } } }, /not one of those under namespace/],
    ["another namespace", { namespace: { x: "urn:x" }, sdfData: { A: { sdfRef: "x:#/sdfData/B" } } }, /another namespace/],
    ["a plain name", { sdfData: { A: { sdfRef: "B" }, B: {} } }, /must be a JSON pointer/],
    ["malformed percent-encoding", { sdfData: { A: { sdfRef: "#/%zz" } } }, /percent-encoding/],
  ])("reports %s", (_title, document, message) => {
    expect(errorsOf(document)).toContainEqual(expect.stringMatching(message));
  });

  test("a chain of references beyond 64 is reported, not followed", () => {
    const chain = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`D${index}`, { sdfRef: `#/sdfData/D${index + 1}` }]));
    expect(errorsOf({ sdfData: { ...chain, D500: {} } })).toContainEqual(expect.stringMatching(/64 levels/));
  });
});
