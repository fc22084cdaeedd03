import { randomBytes } from "node:crypto";
import { findClient } from "@mooring/testkit";
import { inject, type TestContext, test } from "vitest";
import type { Target } from "../target.ts";

type ToolName = Parameters<typeof findClient>[0];
export type Tool = NonNullable<Awaited<ReturnType<typeof findClient>>>;

/** What a test with a real client has: the broker, and names that only this test uses. */
export interface Scene {
  readonly target: Target;
  topic(rest?: string): string;
  readonly skip: TestContext["skip"];
  /** For what is to be ended with the test. */
  readonly onFinished: TestContext["onTestFinished"];
}

/** A test with a client nobody here wrote, once for each of these versions. */
export function withClient<V extends string | number>(
  title: string,
  versions: readonly V[],
  body: (scene: Scene, version: V) => Promise<void>,
): void {
  test.concurrent.for(versions)(`MQTT %s: ${title}`, async (version, context) => {
    const target = inject("conformanceTarget");
    if (title.includes("WebSocket") && target.webSocketUrl === undefined) return context.skip("the target has no WebSocket");
    const token = `r${randomBytes(6).toString("hex")}`;
    await body({ target, topic: (rest = "t") => `${token}/${rest}`, skip: context.skip, onFinished: context.onTestFinished }, version);
  });
}

/** The client. Where it is not to be had, which is said loudly, the test is skipped. */
export async function toolOf(scene: Scene, name: ToolName): Promise<Tool> {
  return (await findClient(name)) ?? scene.skip(`${name} is not to be had here`);
}
