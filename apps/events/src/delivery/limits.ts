/** Each costs matching of every record of the tenant while somebody is there, and a row for ever. */
export const subscriptionsPerTenantMax = 1_000;
export const membersPerGroupMax = 64;
/** Of one process and tenant, those that still wait to be let in included. */
export const streamsPerTenantMax = 256;
/** Sent to one member and not acknowledged. */
export const memberWindowMax = 1_000;
/** Between a group's cursor and where it has read to. */
export const groupRecordsMax = 10_000;
export const groupBytesMax = 64 * 1024 * 1024;
/** Read for members that have no room for them at the moment. */
export const readAheadMax = 1_000;
/** Of one subscription; replays that are in memory at once. */
export const deadLettersMax = 100_000;
export const replaysInMemoryMax = 1_000;
/** In one acknowledgement. As many as may be under way, and as many again that have timed out. */
export const offsetsPerRequestMax = 2_000;
/** Failed deliveries that are remembered when a subscription changes hands. */
export const attemptsKeptMax = 1_000;
/** The sum of credit given and not used: what a 32-bit counter of a link can say. */
export const creditMax = 2_147_483_647;

export const acknowledgeWithinMs = { min: 1_000, max: 600_000, default: 30_000 } as const;
export const deliveriesMax = { min: 1, max: 1_000, default: 10 } as const;
export const filterTagsMax = 8;

/** A failed record comes again after this, doubled with each failure. */
export const backoffMs = { first: 100, max: 30_000 } as const;

/** A process that died is replaced after this. */
export const leaseMsDefault = 10_000;
/** Of the lease: it is renewed so early that two failures in a row are survived. */
export const renewShare = 0.3;
/** Longest a stream waits for a lease to run out whose holder seems to be gone, beyond the lease. */
export const takeOverMarginMs = 2_000;
