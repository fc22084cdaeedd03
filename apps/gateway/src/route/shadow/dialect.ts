// What devices say to their shadow and hear from it, whatever the words: native.ts and aws.ts are two ways to say the same.
import type { PlatformError, ShadowMessage, ShadowView } from "@mooring/contracts";
import type { ShadowRequest } from "./parse.ts";

export interface ShadowDialect {
  /** Whether a shadow that holds nothing is one that does not exist. */
  readonly missesEmpty: boolean;
  /** The whole document, in answer to a get. */
  document(view: ShadowView, request: ShadowRequest): string;
  /** Why not. */
  rejected(error: PlatformError, request: ShadowRequest, nowMs: number): string;
  /** What the shadow tells everyone who listens. */
  message(message: ShadowMessage): string;
}
