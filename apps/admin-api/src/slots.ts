import { type Caller, PlatformError } from "@mooring/contracts";

/** A bounded number of things that take long, per API key and in all. */
export interface Slots {
  /** Throws `quotaExceeded` when the key has too many, `unavailable` when everyone together has. Give back what it returns, once or more. */
  take(caller: Caller): () => void;
  readonly taken: number;
}

export function createSlots(what: string, bounds: { readonly perKeyMax: number; readonly totalMax: number }): Slots {
  const perKey = new Map<string, number>();
  let taken = 0;

  return {
    get taken() {
      return taken;
    },
    take({ tenantId, principal }) {
      const key = `${tenantId} ${principal}`;
      const mine = perKey.get(key) ?? 0;
      if (mine >= bounds.perKeyMax) {
        throw new PlatformError("quotaExceeded", `an API key may have ${bounds.perKeyMax} ${what} at a time`);
      }
      if (taken >= bounds.totalMax) throw new PlatformError("unavailable", `there are too many ${what} at the moment; try again later`);
      perKey.set(key, mine + 1);
      taken++;
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        taken--;
        const left = (perKey.get(key) ?? 1) - 1;
        if (left === 0) perKey.delete(key);
        else perKey.set(key, left);
      };
    },
  };
}
