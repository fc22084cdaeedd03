import type { ThingModelState, ThingModelVersion } from "@mooring/contracts";
import type { FieldNumbers } from "@mooring/thing-model";

/** A version as it is kept: with the text, byte for byte. */
export interface StoredModel extends ThingModelVersion {
  readonly tenantId: string;
  readonly document: string;
  /** What the document adds global names to. */
  readonly namespace?: string;
  /** Versions (`name@version`) whose definitions it refers to. */
  readonly imports: readonly string[];
}

/** A new state, from one of the states it may follow. */
export interface StateChange {
  readonly from: readonly ThingModelState[];
  readonly state: ThingModelState;
  readonly replacement?: string;
  readonly retireAtMs?: number;
}

/** Where models are kept. The text of a version that is no draft is never changed, and none is ever removed. */
export interface ModelStore {
  /** Stores the version unless it is there, or is a draft, which it replaces; answers the one that is stored then. Atomic. */
  insert(model: StoredModel): Promise<StoredModel>;
  /** Stores or replaces a draft; false when the version is there and is none. Atomic. */
  saveDraft(model: StoredModel): Promise<boolean>;
  /** False when the version is not in one of the states. Atomic. */
  setState(
    key: { readonly tenantId: string; readonly name: string; readonly version: string },
    change: StateChange,
    atMs: number,
  ): Promise<boolean>;
  find(tenantId: string, name: string, version: string): Promise<StoredModel | undefined>;
  count(tenantId: string): Promise<number>;
  /**
   * Lets `allot` add to the field numbers of a model (all its versions) and keeps what it answers, before answering. `allot` may be
   * called again when another allotment was faster. Throws `unavailable` when that happens too often.
   */
  allotFieldNumbers(tenantId: string, name: string, allot: (known: FieldNumbers) => FieldNumbers): Promise<void>;
  /** Of all models or of one, newest first. */
  list(tenantId: string, name: string | undefined, limit: number): Promise<readonly ThingModelVersion[]>;
  /** Versions that add names to the namespace, drafts left out. */
  listOfNamespace(tenantId: string, namespace: string, limit: number): Promise<readonly ThingModelVersion[]>;
  /** Models with a version that changed at or after the time. */
  listChanged(sinceMs: number, limit: number): Promise<readonly { readonly tenantId: string; readonly name: string }[]>;
}
