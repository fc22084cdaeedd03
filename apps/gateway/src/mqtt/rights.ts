// What clients of the broker may say and hear within their tenant.
import type { Role } from "@mooring/contracts";
import { ReasonCode } from "@mooring/mqtt";
import type { ClientRights } from "./client-channel.ts";

/**
 * Topics that the platform speaks to devices in: a message there would pass for the platform's own, unchecked and unrecorded. Back ends use
 * shadows, calls and desired values for them, and reach devices directly under /{productKey}/{deviceName}/user/.
 */
const reserved = ["/sys/", "/shadow/", "/ext/", "/ota/", "/broadcast/"] as const;

/** Back ends publish what is not the platform's, and hear everything; viewers hear. */
export function operatorRights(role: Role): ClientRights {
  const mayPublish = role === "owner" || role === "operator" || role === "backend";
  const maySubscribe = mayPublish || role === "viewer";
  const seesFigures = role === "owner" || role === "operator";
  return {
    refuseTopic(topic) {
      if (!mayPublish || topic.charCodeAt(0) === dollar) return ReasonCode.NotAuthorized;
      for (const start of reserved) if (topic.startsWith(start)) return ReasonCode.NotAuthorized;
      return 0;
    },
    refuseFilter(filter) {
      if (!maySubscribe) return ReasonCode.NotAuthorized;
      return filter.startsWith("$SYS") && !seesFigures ? ReasonCode.NotAuthorized : 0;
    },
  };
}

/** A plain broker's: every topic and every filter but those that are named. */
export function developmentRights(refusedFilters: readonly string[]): ClientRights {
  const refused = new Set(refusedFilters);
  return {
    refuseTopic: (topic) => (topic.startsWith("$SYS/") ? ReasonCode.NotAuthorized : 0),
    refuseFilter: (filter) => (refused.has(filter) ? ReasonCode.NotAuthorized : 0),
  };
}

const dollar = 0x24;
