import type { JsonValue } from "@mooring/contracts";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { broadcastBytesMax } from "./broadcast.ts";
import type { Cluster } from "./cluster.ts";

/** What every adapter of `Broadcast` keeps. `open` gives the views of two nodes upon one store, which may be the same view. */
export function broadcastConformance(open: () => Promise<readonly [Cluster, Cluster]>): void {
  describe("broadcast", () => {
    let here: Cluster;
    let there: Cluster;
    beforeEach(async () => {
      [here, there] = await open();
    });
    afterEach(async () => {
      await here.close();
      await there.close();
    });

    test("every node's subscribers hear a message, the publisher's too, in order", async () => {
      const heard: Record<string, JsonValue[]> = { here: [], there: [] };
      await here.broadcast.subscribe("models", (message) => heard["here"]?.push(message));
      await there.broadcast.subscribe("models", (message) => heard["there"]?.push(message));
      const messages: JsonValue[] = [{ n: 1 }, "two", null, [4]];
      for (const message of messages) await here.broadcast.publish("models", message);
      await expect.poll(() => heard).toEqual({ here: messages, there: messages });
    });

    test("channels are apart, and who has unsubscribed hears nothing more", async () => {
      const heard: string[] = [];
      const stop = await there.broadcast.subscribe("a", () => heard.push("stopped"));
      await there.broadcast.subscribe("a", () => heard.push("a"));
      await there.broadcast.subscribe("b", () => heard.push("b"));
      stop();
      stop();
      await here.broadcast.publish("a", 1);
      await here.broadcast.publish("c", 1);
      await here.broadcast.publish("b", 1);
      await expect.poll(() => heard).toContain("b");
      expect(heard).toEqual(["a", "b"]);
    });

    test("who subscribes again right after unsubscribing hears", async () => {
      const heard: JsonValue[] = [];
      for (let round = 0; round < 5; round += 1) {
        const stop = await there.broadcast.subscribe("again", (message) => heard.push(message));
        await here.broadcast.publish("again", round);
        await expect.poll(() => heard).toHaveLength(round + 1);
        stop();
      }
    });

    test("a throwing handler harms no other, and none sees what another did to the message", async () => {
      const heard: JsonValue[] = [];
      await there.broadcast.subscribe("a", (message) => {
        (message as { n: number }).n = 2;
        throw new Error("a handler's own mistake");
      });
      await there.broadcast.subscribe("a", (message) => heard.push(message));
      await here.broadcast.publish("a", { n: 1 });
      await expect.poll(() => heard).toEqual([{ n: 1 }]);
    });

    test("a message above the limit and a name that is none are refused", async () => {
      const fits = "x".repeat(broadcastBytesMax - 2);
      await expect(here.broadcast.publish("a", fits)).resolves.toBeUndefined();
      await expect(here.broadcast.publish("a", `${fits}x`)).rejects.toMatchObject({ code: "payloadTooLarge" });
      await expect(here.broadcast.publish("a b", 1)).rejects.toMatchObject({ code: "invalidArgument" });
      await expect(here.broadcast.subscribe("", () => undefined)).rejects.toMatchObject({ code: "invalidArgument" });
    });
  });
}
