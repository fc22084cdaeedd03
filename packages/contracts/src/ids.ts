declare const brand: unique symbol;

/** A tenant's id: UUID, never reused. */
export type TenantId = string & { readonly [brand]: "TenantId" };
/** A device's own id: UUID, never reused, so a device deleted and created again under its old name finds nothing of the old one. */
export type DeviceId = string & { readonly [brand]: "DeviceId" };
/** Names a product on the wire; unique on the whole platform, because topics carry no tenant. */
export type ProductKey = string & { readonly [brand]: "ProductKey" };
/** Names a device inside its product. */
export type DeviceName = string & { readonly [brand]: "DeviceName" };

export const productKeyPattern = /^[A-Za-z0-9]{4,32}$/;
/** Alibaba's alphabet: firmware in the field already carries such names. */
export const deviceNamePattern = /^[A-Za-z0-9_.:@-]{4,64}$/;
export const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

const propertyNameLengthMax = 128;
/** For refusals, after the name of the field. */
export const propertyNameRule = `must have 1 to ${propertyNameLengthMax} characters, none of them a control character`;

/** Hot. Whether history and subscriptions can be asked for a property of this name. A thing model says more. */
export function isPropertyName(name: string): boolean {
  if (name.length === 0 || name.length > propertyNameLengthMax) return false;
  for (let at = 0; at < name.length; at++) {
    const code = name.charCodeAt(at);
    if (code < 0x20 || code === 0x7f) return false;
  }
  return true;
}

/** For values that were checked where they entered: a database row, a message of our own. */
export const asTenantId = (value: string): TenantId => value as TenantId;
export const asDeviceId = (value: string): DeviceId => value as DeviceId;
export const asProductKey = (value: string): ProductKey => value as ProductKey;
export const asDeviceName = (value: string): DeviceName => value as DeviceName;

/** Everything that tells one device from another, resolved once at the edge. */
export interface DeviceRef {
  readonly tenantId: TenantId;
  readonly deviceId: DeviceId;
  readonly productKey: ProductKey;
  readonly deviceName: DeviceName;
}

/** How a caller names a device. */
export interface DeviceAddress {
  readonly productKey: string;
  readonly deviceName: string;
}
