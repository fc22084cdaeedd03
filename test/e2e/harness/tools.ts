import { type ClientName, findClient, type Tool } from "@mooring/testkit";

/** A client that the e2e tests cannot do without. */
export async function clientOf(name: ClientName): Promise<Tool> {
  const tool = await findClient(name);
  if (tool === undefined) throw new Error(`${name} is not to be had here, and the e2e tests are nothing without it`);
  return tool;
}
