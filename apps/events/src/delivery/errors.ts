import { PlatformError } from "@mooring/contracts";

export function notFound(name: string): PlatformError {
  return new PlatformError("notFound", `there is no subscription ${name}`);
}

export function webhookError(hasWebhook: boolean): PlatformError {
  const message = hasWebhook ? "the subscription has a webhook: the platform delivers it by itself" : "the subscription has no webhook";
  return new PlatformError("failedPrecondition", message);
}

/** Whoever opens it again gets what lies after the new place. */
export function moved(name: string): PlatformError {
  return new PlatformError("unavailable", `the subscription ${name} was set to another place; connect again to go on from there`);
}

export function stopping(): PlatformError {
  return new PlatformError("unavailable", "this process of the platform is stopping; connect again");
}
