import { PlatformError } from "@mooring/contracts";
import { silentLog } from "@mooring/kit";
import { describe, expect, test } from "vitest";
import { Models, type ProductModel } from "./models.ts";

/** A directory whose answers are given by hand. */
function setUp() {
  const asked: { give: (validation: "flag" | "off") => void; fail: () => void }[] = [];
  const directory = {
    forProduct: () =>
      new Promise<never>((resolve, reject) => {
        asked.push({
          give: (validation) =>
            resolve({ product: { tenantId: "t", thingModel: { name: "lamp", version: "^1" } }, validation, model: {} } as never),
          fail: () => reject(new PlatformError("notFound", "no such product")),
        });
      }),
    forget: () => undefined,
  };
  const models = new Models({ directory, log: silentLog });
  const told: string[] = [];
  const say = (name: string): void => {
    const ready = models.find("p");
    if (ready !== undefined) told.push(`${name}:${ready.validation}`);
    else
      models.wait("p", {
        bytes: 1,
        onModel: (model: ProductModel) => told.push(`${name}:${model.validation}`),
        onModelFailure: (error) => told.push(`${name}:${error.code}`),
      });
  };
  return { asked, models, told, say };
}

describe("a product's model", () => {
  test("is loaded once for all who wait, who are told in the order they came, also those who come while others are told", async () => {
    const { asked, models, told, say } = setUp();
    say("a");
    models.wait("p", {
      bytes: 1,
      onModel: () => {
        told.push("b");
        say("d");
      },
      onModelFailure: () => undefined,
    });
    say("c");
    asked[0]?.give("flag");
    await expect.poll(() => told).toEqual(["a:flag", "b", "c:flag", "d:flag"]);
    say("e");
    expect([told.at(-1), asked.length]).toEqual(["e:flag", 1]);
  });

  test("is loaded anew after a change, also one that came while it was loading", async () => {
    const { asked, models, told, say } = setUp();
    say("a");
    models.invalidate("p");
    asked[0]?.give("flag");
    await expect.poll(() => asked.length).toBe(2);
    expect(told).toEqual([]);
    asked[1]?.give("off");
    await expect.poll(() => told).toEqual(["a:off"]);
    models.invalidate("other");
    expect(models.find("p")).toBeDefined();
    models.invalidate("p");
    expect(models.find("p")).toBeUndefined();
  });

  test("that cannot be loaded fails all who wait as unavailable, and is not asked for at once again", async () => {
    const { asked, told, say } = setUp();
    say("a");
    asked[0]?.fail();
    await expect.poll(() => told).toEqual(["a:unavailable"]);
    say("b");
    expect([told.at(-1), asked.length]).toEqual(["b:unavailable", 1]);
    await expect
      .poll(() => {
        say("c");
        return asked.length;
      })
      .toBe(2);
  });

  test("has a bounded number of messages waiting for it", () => {
    const { told, say } = setUp();
    for (let i = 0; i < 10_001; i++) say("x");
    expect(told).toEqual(["x:unavailable"]);
  });

  test("of a range is swapped for a newer version without a message waiting or being refused", async () => {
    const { asked, models, told, say } = setUp();
    say("a");
    asked[0]?.give("flag");
    await expect.poll(() => told).toEqual(["a:flag"]);
    await models.refresh({ tenantId: "other", name: "lamp" });
    await models.refresh({ tenantId: "t", name: "other" });
    expect(asked).toHaveLength(1);
    const refreshed = models.refresh({ tenantId: "t", name: "lamp" });
    say("b");
    asked[1]?.give("off");
    await refreshed;
    say("c");
    expect(told).toEqual(["a:flag", "b:flag", "c:off"]);
  });

  test("that was invalidated while it was refreshed is loaded anew, and one that cannot be refreshed too", async () => {
    const { asked, models, told, say } = setUp();
    say("a");
    asked[0]?.give("flag");
    await expect.poll(() => told).toEqual(["a:flag"]);
    const refreshed = models.refresh({ tenantId: "t", name: "lamp" });
    models.invalidate("p");
    asked[1]?.give("flag");
    await refreshed;
    expect(models.find("p")).toBeUndefined();
    say("b");
    asked[2]?.give("off");
    await expect.poll(() => told).toEqual(["a:flag", "b:off"]);
    const failed = models.refresh({ tenantId: "t", name: "lamp" });
    asked[3]?.fail();
    await failed;
    expect(models.find("p")).toBeUndefined();
  });
});
