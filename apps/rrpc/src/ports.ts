import type { DeviceApi, ErrorCode, GatewayApi } from "@mooring/contracts";

export type DeviceDirectory = Pick<DeviceApi, "getDevice">;

/** Finds the gateway nodes that hold a device's connections. */
export interface Gateways {
  /** Empty when the device is not connected. */
  find(deviceId: string): Promise<readonly Pick<GatewayApi, "deliver">[]>;
}

/** How a call ended. */
export type Outcome = { readonly payload: Uint8Array } | { readonly errorCode: ErrorCode; readonly errorMessage: string };

export interface NewCall {
  readonly tenantId: string;
  readonly idempotencyKey: string;
  readonly deviceId: string;
  /** Over everything the caller asked for: the same key with another request is a mistake. */
  readonly requestHash: Uint8Array;
  readonly messageId: string;
  readonly deadlineMs: number;
}

export interface StoredCall extends NewCall {
  /** Absent while it is under way, and for ever if its process died. */
  readonly outcome: Outcome | undefined;
}

/** Calls made with an idempotency key, kept for a day. */
export interface CallStore {
  /** Saves the call unless the tenant has one under this key; returns that one then. */
  begin(call: NewCall): Promise<StoredCall | undefined>;
  finish(call: NewCall, outcome: Outcome): Promise<void>;
  /** For a call that never reached the device: a retry may try again. */
  forget(call: NewCall): Promise<void>;
  find(tenantId: string, idempotencyKey: string): Promise<StoredCall | undefined>;
  /** Removes calls made before; returns how many. */
  sweep(beforeMs: number): Promise<number>;
}
