// Which tenants are suspended, for services that let somebody in or deliver something: asked of access again and again, so that no lost message can
// keep a suspended tenant going.
import { type AccessApi, serviceCaller } from "@mooring/contracts";
import { type Log, pause, type Running, startLoop } from "@mooring/kit";

export interface SuspendedTenantsDeps {
  readonly access: Pick<AccessApi, "listSuspendedTenants">;
  /** Who asks, for the log of access. */
  readonly service: string;
  /** Told of all of them, first and whenever others are; told again until it resolves. */
  readonly onChange: (tenantIds: ReadonlySet<string>) => Promise<void> | void;
  readonly log: Log;
}

/** A suspension is to be felt within 2 s; what follows an answer takes up to one. */
const everyMs = 400;
const retryMs = 400;

export function followSuspendedTenants({ access, service, onChange, log }: SuspendedTenantsDeps): Running {
  let told: ReadonlySet<string> | undefined;
  let isBlind = false;
  const step = async (signal: AbortSignal): Promise<void> => {
    const { tenantIds } = await access.listSuspendedTenants(serviceCaller(service), {});
    isBlind = false;
    const suspended = new Set(tenantIds);
    if (told === undefined || !isSame(suspended, told)) {
      await onChange(suspended);
      told = suspended;
    }
    await pause(everyMs, signal);
  };
  const onError = (error: unknown): void => {
    if (!isBlind) log.warn({ err: error }, "it cannot be learned which tenants are suspended; what was known holds, and it is asked again");
    isBlind = true;
  };
  return startLoop(step, { retryMs, onError });
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((tenantId) => b.has(tenantId));
}
