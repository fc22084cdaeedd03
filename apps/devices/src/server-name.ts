// Each tenant has a host name of its own where the operator gave a host for them: `{tenantId}.{host}`. What a device says of it in the TLS handshake
// (SNI, RFC 6066 §3) names the tenant before any certificate is looked at. Ids and no chosen names: nobody can take one that another expects.
import { uuidPattern } from "@mooring/contracts";
import { StartError } from "@mooring/kit";

/** RFC 1123 §2.1. */
const hostPattern = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/i;
/** What a DNS name may have (RFC 1035 §2.3.4) without a tenant's id and the dot after it. */
const hostLengthMax = 253 - 37;

/** Throws StartError: another text would be one that no device can say. */
export function assertTenantHost(tenantHost: string | undefined): void {
  if (tenantHost === undefined || (hostPattern.test(tenantHost) && tenantHost.length <= hostLengthMax)) return;
  throw new StartError(`MOORING_TENANT_HOST: ${JSON.stringify(tenantHost)} is no host name, such as iot.example.com`);
}

export function serverNameOf(tenantId: string, tenantHost: string): string {
  return `${tenantId}.${tenantHost.toLowerCase()}`;
}

/** The tenant that a server name is of. Undefined for every other name, for none, and where tenants have no names. */
export function tenantOfServerName(serverName: string | undefined, tenantHost: string | undefined): string | undefined {
  if (serverName === undefined || tenantHost === undefined) return undefined;
  const [, label = "", host] = /^([^.]{36})\.(.+?)\.?$/.exec(serverName.toLowerCase()) ?? [];
  return host === tenantHost.toLowerCase() && uuidPattern.test(label) ? label : undefined;
}
