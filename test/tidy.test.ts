// The house rules that no other tool keeps: who may import whom, and how large a file may be. ARCHITECTURE.md says why.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

const root = new URL("..", import.meta.url).pathname;

/** Package to the packages of ours it may import, beside itself. Apps never import apps, except the one that is made of them. */
const allowed: Readonly<Record<string, readonly string[]>> = {
  contracts: [],
  mqtt: [],
  kit: [],
  "thing-model": ["contracts", "kit"],
  "mooring-model": ["thing-model"],
  pki: ["contracts", "kit"],
  cluster: ["contracts", "kit"],
  queue: ["contracts", "kit"],
  db: ["contracts", "kit"],
  rpc: ["contracts", "kit"],
  testkit: ["contracts", "kit", "db", "pki", "rpc"],
  "app-access": ["contracts", "kit", "pki", "db", "rpc"],
  "app-devices": ["contracts", "kit", "db", "rpc", "pki", "cluster"],
  "app-thing-model": ["contracts", "kit", "db", "rpc", "thing-model"],
  "app-shadow": ["contracts", "kit", "db", "rpc", "cluster", "thing-model"],
  "app-rrpc": ["contracts", "kit", "db", "rpc", "cluster", "queue", "thing-model"],
  "app-events": ["contracts", "kit", "db", "rpc", "cluster", "pki", "queue"],
  "app-sessions": ["contracts", "kit", "db", "rpc"],
  "app-gateway": ["contracts", "kit", "mqtt", "rpc", "cluster", "pki", "thing-model"],
  "app-admin-api": ["contracts", "kit", "rpc"],
  "app-setup": ["contracts", "kit", "db", "pki"],
  "app-all-in-one": ["*"],
};

/** What tests may import besides. */
const testOnly = ["testkit"];

/** Folders of a service that speak to the outside, and what no file in them may import. */
const folderRules: readonly { readonly folder: string; readonly never: RegExp; readonly why: string }[] = [
  { folder: "postgres", never: /from "\.\.\/service\.ts"|@mooring\/(rpc|mqtt)"/, why: "storage never calls the service or a protocol" },
  { folder: "mqtt", never: /from "pg"|@mooring\/db"/, why: "a protocol never touches storage" },
  { folder: "http", never: /from "pg"|@mooring\/db"/, why: "a protocol never touches storage" },
  {
    folder: "route",
    never: /@mooring\/mqtt"|from "fastify"|from "node:(net|tls|http|https)"/,
    why: "meanings know no packets and no paths",
  },
];

const lineMax = 500;

interface SourceFile {
  readonly path: string;
  readonly text: string;
  readonly isTest: boolean;
}

function sources(dir: string): SourceFile[] {
  return readdirSync(join(root, dir), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.includes("node_modules") && !name.split("/").includes("gen"))
    .map((name) => {
      const path = `${dir}/${name}`;
      const isTest = /\.(test|test-support|bench)\.ts$|conformance(\.ts$|\/)/.test(name);
      return { path, text: readFileSync(join(root, path), "utf8"), isTest };
    });
}

/** For others to install: whatever they hold of ours is in them. */
const published = ["mooring-model"];

const folders = ["packages", "apps"].flatMap((kind) =>
  readdirSync(join(root, kind), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(root, kind, entry.name)).includes("package.json"))
    .map((entry) => ({ dir: `${kind}/${entry.name}`, name: kind === "apps" ? `app-${entry.name}` : entry.name })),
);

describe.each(folders)("$dir", ({ dir, name }) => {
  const manifest = JSON.parse(readFileSync(join(root, dir, "package.json"), "utf8")) as {
    readonly name: string;
    readonly private?: boolean;
    readonly dependencies?: Record<string, string>;
    readonly devDependencies?: Record<string, string>;
  };
  const declared = { ...manifest.dependencies, ...manifest.devDependencies };

  test("is private unless it is published, named after its folder, and pins exact versions", () => {
    const isPublished = published.includes(name);
    expect([manifest.name, manifest.private]).toEqual(isPublished ? [name, undefined] : [`@mooring/${name}`, true]);
    for (const [dependency, version] of Object.entries(declared)) {
      expect(version, dependency).toMatch(dependency.startsWith("@mooring/") ? /^\*$/ : /^\d+\.\d+\.\d+(-[\w.]+)?$/);
    }
  });

  test("imports only what the table allows, by package name, and declares it", () => {
    const mine = allowed[name];
    expect(mine, `${name} is missing from the table`).toBeDefined();
    for (const file of sources(`${dir}/src`)) {
      for (const [, target = "", rest = ""] of file.text.matchAll(/from "@mooring\/([a-z-]+)([^"]*)"/g)) {
        const may =
          mine?.includes("*") ||
          mine?.includes(target) ||
          (file.isTest && testOnly.includes(target)) ||
          (file.isTest && !target.startsWith("app-"));
        expect(may, `${file.path} imports @mooring/${target}`).toBe(true);
        expect(rest, `${file.path} reaches into @mooring/${target}`).toBe("");
        expect(declared, `${file.path} imports @mooring/${target} undeclared`).toHaveProperty([`@mooring/${target}`]);
      }
    }
  });

  test("keeps inside folders to their side", () => {
    for (const rule of folderRules) {
      for (const file of sources(`${dir}/src`)) {
        if (file.isTest || !file.path.includes(`/src/${rule.folder}/`)) continue;
        expect(rule.never.test(file.text), `${file.path}: ${rule.why}`).toBe(false);
      }
    }
  });

  test(`has no file above ${lineMax} lines and nothing imports a main`, () => {
    for (const file of sources(`${dir}/src`)) {
      expect(file.text.split("\n").length, file.path).toBeLessThanOrEqual(lineMax);
      expect(file.text, file.path).not.toMatch(/from "[^"]*\/main\.ts"/);
    }
  });

  test("has a README", () => {
    expect(readFileSync(join(root, dir, "README.md"), "utf8").length).toBeGreaterThan(200);
  });
});

test("minimum versions hold: below them lie known holes", () => {
  const minimums = { fastify: "5.8.3", "@grpc/grpc-js": "1.14.4", ws: "8.21.0", undici: "7.24.0", "node-forge": "1.4.3" };
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as { packages: Record<string, { version?: string }> };
  for (const [name, minimum] of Object.entries(minimums)) {
    for (const [path, { version = "" }] of Object.entries(lock.packages)) {
      if (!path.endsWith(`node_modules/${name}`)) continue;
      expect(compareVersions(version, minimum), `${path} is ${version}, below ${minimum}`).toBeGreaterThanOrEqual(0);
    }
  }
});

function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split(/[.-]/).map(Number));
  for (let i = 0; i < 3; i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
