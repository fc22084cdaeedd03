import { buildOpenApi } from "@mooring/app-admin-api";

export async function openApiPage(): Promise<string> {
  return `${JSON.stringify(await buildOpenApi(), null, 2)}\n`;
}
