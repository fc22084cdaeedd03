import { type ErrorCode, toPlatformError } from "@mooring/contracts";

/** Why a link or a connection ends, as AMQP says it (part 2, §2.8.15 to §2.8.18). */
export interface AmqpEnd {
  readonly condition: string;
  readonly description: string;
}

const conditions: Readonly<Record<ErrorCode, string>> = {
  invalidArgument: "amqp:invalid-field",
  unauthenticated: "amqp:unauthorized-access",
  permissionDenied: "amqp:unauthorized-access",
  notFound: "amqp:not-found",
  methodNotAllowed: "amqp:not-allowed",
  alreadyExists: "amqp:precondition-failed",
  versionConflict: "amqp:precondition-failed",
  preconditionFailed: "amqp:precondition-failed",
  failedPrecondition: "amqp:precondition-failed",
  deviceOffline: "amqp:precondition-failed",
  payloadTooLarge: "amqp:link:message-size-exceeded",
  unsupportedMediaType: "amqp:not-implemented",
  quotaExceeded: "amqp:resource-limit-exceeded",
  internal: "amqp:internal-error",
  unavailable: "amqp:internal-error",
  timeout: "amqp:internal-error",
};

export function endOf(error: unknown): AmqpEnd {
  const { code, message } = toPlatformError(error);
  return { condition: conditions[code], description: message };
}
