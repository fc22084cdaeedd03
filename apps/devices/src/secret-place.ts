import type { Device, DeviceRef } from "@mooring/contracts";

/** What a sealed device secret is bound to: moved to another device, or put back after a newer one, it does not open. */
export function secretPlace(device: Pick<Device | DeviceRef, "tenantId" | "deviceId">, version: number): string {
  return `tenant/${device.tenantId}/device/${device.deviceId}/secret/${version}`;
}

/** The same for the secret that a product's devices register with. */
export function productSecretPlace(product: { readonly tenantId: string; readonly productKey: string }, version: number): string {
  return `tenant/${product.tenantId}/product/${product.productKey}/secret/${version}`;
}

/** What the sealed secret of a claim's hook is bound to. */
export function hookPlace(claim: { readonly tenantId: string; readonly id: string }): string {
  return `tenant/${claim.tenantId}/claim/${claim.id}/hook`;
}

/** What an authority's sealed private key is bound to. */
export function authorityPlace(authority: { readonly tenantId: string; readonly id: string }, key: "root" | "issuing"): string {
  return `tenant/${authority.tenantId}/authority/${authority.id}/${key}`;
}
