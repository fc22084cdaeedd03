import { databaseSettings } from "@mooring/db";
import { processSettings } from "@mooring/kit";
import { rpcSettings } from "@mooring/rpc";

/** All this process can be told; the service itself has no settings of its own. */
export const thingModelProcessSettings = { ...processSettings, ...rpcSettings, ...databaseSettings } as const;
