// Each tenant has a host name of its own where the operator gave a host for them: `{tenantId}.{host}`. What a device says of it in the TLS handshake
// (SNI, RFC 6066 §3) names the tenant before any certificate is looked at. Ids and no chosen names: nobody can take one that another expects.
import { uuidPattern } from "@mooring/contracts";

export function serverNameOf(tenantId: string, tenantHost: string): string {
  return `${tenantId}.${tenantHost.toLowerCase()}`;
}

/** The tenant that a server name is of. Undefined for every other name, for none, and where tenants have no names. */
export function tenantOfServerName(serverName: string | undefined, tenantHost: string | undefined): string | undefined {
  if (serverName === undefined || tenantHost === undefined) return undefined;
  const [, label = "", host] = /^([^.]{36})\.(.+?)\.?$/.exec(serverName.toLowerCase()) ?? [];
  return host === tenantHost.toLowerCase() && uuidPattern.test(label) ? label : undefined;
}
