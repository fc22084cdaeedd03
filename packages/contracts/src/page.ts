/** How lists are cut: at most `pageSize` items (1 to 1,000, default 100), from `pageToken` (opaque, from the page before) on. */
export interface PageRequest {
  readonly pageSize?: number;
  readonly pageToken?: string;
}

export const pageSizeMax = 1_000;
export const pageSizeDefault = 100;
