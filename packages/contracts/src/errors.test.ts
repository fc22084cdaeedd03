import { expect, test } from "vitest";
import { PlatformError, toPlatformError } from "./errors.ts";

const coded = (code: string): Error => Object.assign(new Error("x"), { code });

test.each([
  coded("ECONNREFUSED"),
  coded("57P01"),
  coded("53300"),
  coded("P1001"),
  new Error("Connection terminated unexpectedly"),
  new Error("x", { cause: coded("08006") }),
])("an outage is unavailable, so that callers try again: %s", (error) => {
  expect(toPlatformError(error)).toMatchObject({ code: "unavailable", cause: error });
});

test("what broke is internal and says nothing of itself", () => {
  const error = new Error("the password is hunter2");
  expect(toPlatformError(error)).toMatchObject({ code: "internal", message: "something went wrong inside the platform", cause: error });
  expect(toPlatformError(coded("23505")).code).toBe("internal");
});

test("an operating error stays itself", () => {
  const error = new PlatformError("notFound", "there is no such device");
  expect(toPlatformError(error)).toBe(error);
});
