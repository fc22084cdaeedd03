import { describe, expect, test } from "vitest";
import { parseEngineArguments } from "./arguments.ts";

describe("the schema engine's arguments", () => {
  test("as Prisma 7 gives them for JSON-RPC", () => {
    const argv = [
      "--datasource",
      '{"url":"postgresql://a","shadowDatabaseUrl":"postgresql://b"}',
      "--datamodels",
      "x.prisma",
      "--datamodels",
      "y.prisma",
    ];
    expect(parseEngineArguments([...argv, "--enabled-preview-features", "strictUndefinedChecks"])).toEqual({
      command: "serve",
      datamodels: ["x.prisma", "y.prisma"],
      url: "postgresql://a",
      shadowDatabaseUrl: "postgresql://b",
    });
  });

  test("as it gives them for one command", () => {
    expect(parseEngineArguments(["--datasource", '{"url":"postgresql://a"}', "cli", "can-connect-to-database"])).toEqual({
      command: "can-connect-to-database",
      datamodels: [],
      url: "postgresql://a",
    });
    expect(parseEngineArguments(["--version"])).toEqual({ command: "version", datamodels: [] });
  });

  test.each([
    [["--future"], "unknown argument --future"],
    [["cli", "drop-database"], "unknown command drop-database"],
    [["--datamodels"], "--datamodels needs a value"],
  ])("%j, which it does not know, is refused", (argv, message) => {
    expect(() => parseEngineArguments(argv)).toThrow(message);
  });
});
