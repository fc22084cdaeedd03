import { type FaultProxy, startFaultProxy } from "@mooring/testkit";
import { randomLoopback } from "../e2e/harness/addresses.ts";

/** The connections of a platform that go through a fault proxy, by whom they lead to. */
export type WayName = "gateway" | "postgres" | "redis" | "events";

export interface Ways {
  /** Starts the way to an address; returns the one that is told instead. */
  via(name: string, address: string): Promise<string>;
  get(name: WayName): FaultProxy;
  stop(): Promise<void>;
}

export function createWays(random: () => number): Ways {
  const proxies = new Map<string, FaultProxy>();
  const host = `${randomLoopback()}.1`;
  return {
    async via(name, address) {
      const proxy = await startFaultProxy({ target: () => address, host, random });
      proxies.set(name, proxy);
      return proxy.address;
    },
    get(name) {
      const proxy = proxies.get(name);
      if (proxy === undefined) throw new Error(`no proxy stands before ${name}`);
      return proxy;
    },
    async stop() {
      await Promise.all([...proxies.values()].map((proxy) => proxy.stop()));
    },
  };
}
