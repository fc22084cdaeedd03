import type { Caller } from "./caller.ts";
import type { JsonValue } from "./json.ts";

export interface ModelFinding {
  /** `error` or `warning`. */
  readonly severity: string;
  readonly pointer: string;
  readonly message: string;
}

/** A draft may be changed; what is published never is. Deprecated and retired versions go on validating for the products that have them. */
export type ThingModelState = "draft" | "published" | "deprecated" | "retired";

export interface ThingModelVersion {
  readonly name: string;
  readonly version: string;
  /** SHA-256 over the compiled model: equal hashes validate alike. Empty for a draft with errors. */
  readonly contentHash: string;
  /** Of a draft, when it was saved. */
  readonly publishedAtMs: number;
  /** A `ThingModelState`. */
  readonly state: string;
  /** Of a deprecated or retired one: the version to use instead, and the time after which it is retired. */
  readonly replacement?: string;
  readonly retireAtMs?: number;
}

/** What one version says otherwise than another. */
export interface ThingModelChange {
  readonly pointer: string;
  /** Such as `property Temperature`. */
  readonly member: string;
  /** `added`, `removed`, `narrower`, `wider` or `different`. */
  readonly kind: string;
  /** `sent` and `received`, seen from the device. */
  readonly directions: readonly string[];
  readonly isCompatible: boolean;
  readonly message: string;
}

/** One thing wrong with a payload. */
export interface PayloadError {
  readonly pointer: string;
  readonly expected: string;
  readonly got: string;
  readonly message: string;
}

/** What a payload is taken for: params of a property report, a merge patch of the desired state, or the data of the member named. */
export const payloadKinds = ["properties", "desired", "event", "serviceInput", "serviceOutput"] as const;
export type PayloadKind = (typeof payloadKinds)[number];

/** `^1`, `^1.4`, `^1.4.2`, `~1.4`: the newest version that is compatible with it (SemVer 2.0.0; `^0.4` stays within 0.4). */
export const modelRangePattern = /^[\^~](?:0|[1-9]\d{0,8})(?:\.(?:0|[1-9]\d{0,8})){0,2}$/;

/** One version of a model. */
export interface ThingModelKey {
  readonly name: string;
  readonly version: string;
}

/** Something a format has no words for. */
export interface ModelLoss {
  /** JSON pointer into the SDF document. */
  readonly pointer: string;
  /** One sentence. */
  readonly sentence: string;
}

/** A model in another format. */
export interface ModelExport {
  readonly text: string;
  readonly mediaType: string;
  readonly losses: readonly ModelLoss[];
}

/** Thing models (SDF, RFC 9880) and their versions. A published version never changes. */
export interface ThingModelApi {
  /**
   * Publishes `document` (the SDF text, byte for byte) as name@version, in place of a draft of that version. Publishing the same text again
   * is the same version; another text under a taken version is `alreadyExists`. A model with errors is `invalidArgument` with every finding
   * as an issue. One that is not compatible with the version before it (or the one after it) of the same major is `failedPrecondition`,
   * with every change that is not as an issue. `changes` are those against the version before. What it refers to by global names is taken
   * from the newest published versions of the tenant's other models, which from then on belong to it.
   * With `format` (tsl, wot-tm) the text is of that format and is published as the SDF it means; what SDF has no words for is a warning.
   */
  publish(
    caller: Caller,
    request: ThingModelKey & { readonly document: string; readonly format?: string },
  ): Promise<{
    readonly model: ThingModelVersion;
    readonly findings: readonly ModelFinding[];
    readonly changes: readonly ThingModelChange[];
  }>;
  /** Keeps a draft, with whatever errors it has, or changes it. `failedPrecondition` once the version is published. */
  saveDraft(
    caller: Caller,
    request: ThingModelKey & { readonly document: string },
  ): Promise<{ readonly model: ThingModelVersion; readonly findings: readonly ModelFinding[] }>;
  /** Says that another version is to be used; new products may still take it until it is retired, at `retireAtMs` when that is given. */
  deprecate(
    caller: Caller,
    request: ThingModelKey & { readonly replacement?: string; readonly retireAtMs?: number },
  ): Promise<{ readonly model: ThingModelVersion }>;
  /** No product may take it any more. `failedPrecondition` unless it is deprecated. */
  retire(caller: Caller, request: ThingModelKey): Promise<{ readonly model: ThingModelVersion }>;
  /**
   * A version, or the one a range stands for now: the newest that is published, else deprecated, else retired, and no pre-release.
   * `imports` are the documents it refers to.
   */
  get(
    caller: Caller,
    request: ThingModelKey & { readonly tenantId?: string },
  ): Promise<{ readonly model: ThingModelVersion; readonly document: string; readonly imports: readonly string[] }>;
  /**
   * A version, or the one a range stands for now, in another format: tsl, json-schema, wot-tm, openapi, avro, proto, typescript or dtdl.
   * The same version gives the same text. Field numbers of proto are allotted once for all versions of a model and kept. A draft, whose
   * text may still change, is `failedPrecondition`.
   */
  export(caller: Caller, request: ThingModelKey & { readonly format: string; readonly tenantId?: string }): Promise<ModelExport>;
  /** Every version of every model, or of one; newest first. */
  list(caller: Caller, request: { readonly name?: string }): Promise<{ readonly models: readonly ThingModelVersion[] }>;
  /** What there is to say about a version's text: errors (of a draft), warnings, and what an older spelling was read as. */
  listFindings(caller: Caller, request: ThingModelKey): Promise<{ readonly findings: readonly ModelFinding[] }>;
  /** What `version` says otherwise than `against`. Drafts with errors are `failedPrecondition`. */
  diff(
    caller: Caller,
    request: ThingModelKey & { readonly against: string },
  ): Promise<{ readonly isCompatible: boolean; readonly changes: readonly ThingModelChange[] }>;
  /** Tries a payload against a version; nothing is stored. `kind` is a `PayloadKind`, `member` the event's or service's name. */
  validate(
    caller: Caller,
    request: ThingModelKey & { readonly kind: string; readonly member?: string; readonly payload: JsonValue },
  ): Promise<{ readonly errors: readonly PayloadError[] }>;
  /** Models of any tenant with a version that came or changed its state at or after `sinceMs`; `nowMs` is the service's own clock. */
  listChanges(
    caller: Caller,
    request: { readonly sinceMs: number },
  ): Promise<{ readonly models: readonly { readonly tenantId: string; readonly name: string }[]; readonly nowMs: number }>;
}
