import { PlatformError } from "./errors.ts";
import { asTenantId, type DeviceRef, type TenantId } from "./ids.ts";

/**
 * owner: everything in its tenant; operator: everything but keys; backend: reads, calls, desired state, subscriptions;
 * viewer: reads; device: itself; service: one of our own processes.
 */
export type Role = "owner" | "operator" | "backend" | "viewer" | "device" | "service";

/** On whose behalf something is done. Travels with every call; each service checks it itself. */
export interface Caller {
  readonly tenantId: TenantId;
  /** For logs and audit: `key:{id}`, `device:{productKey}/{deviceName}` or `service:{name}`. */
  readonly principal: string;
  readonly role: Role;
  /** Set if and only if the role is `device`. */
  readonly device?: DeviceRef;
}

/** One of our own processes acting for no tenant. */
export function serviceCaller(name: string): Caller {
  return { tenantId: asTenantId(""), principal: `service:${name}`, role: "service" };
}

/** A device acting for itself. */
export function deviceCaller(device: DeviceRef): Caller {
  return { tenantId: device.tenantId, principal: `device:${device.productKey}/${device.deviceName}`, role: "device", device };
}

const staff: readonly Role[] = ["owner", "operator"];
const readers: readonly Role[] = ["owner", "operator", "backend", "viewer"];
const users: readonly Role[] = ["owner", "operator", "backend"];
const service: readonly Role[] = ["service"];

/** Every operation of every service, and who may do it. An operation that is not here cannot be called: `assertMay` is its only gate. */
export const operations = {
  "access.authenticateKey": service,
  "access.findScramVerifier": service,
  "access.authenticateSignature": service,
  "access.createApiKey": ["owner"],
  "access.listApiKeys": ["owner"],
  "access.revokeApiKey": ["owner"],
  "access.getTenant": readers,
  "access.listTenants": ["owner"],
  "access.setTenantStatus": ["owner"],
  "access.listSuspendedTenants": service,
  "access.listTenantsSince": service,
  "devices.createProduct": staff,
  "devices.getProduct": [...readers, "service"],
  "devices.listProducts": readers,
  "devices.updateProduct": staff,
  "devices.createDevice": staff,
  "devices.getDevice": [...readers, "service"],
  "devices.listDevices": readers,
  "devices.setDeviceStatus": staff,
  "devices.setDeviceTags": staff,
  "devices.findTags": service,
  "devices.addSubDevice": staff,
  "devices.proveSubDevices": ["device"],
  "devices.removeSubDevice": [...staff, "device"],
  "devices.listSubDevices": [...readers, "device"],
  "devices.findSubDevices": service,
  "devices.listProductOptions": service,
  "devices.deleteDevice": staff,
  "devices.issueCertificate": staff,
  "devices.listCertificates": readers,
  "devices.revokeCertificate": staff,
  "devices.setCertificateStatus": staff,
  "devices.issueKeyPair": staff,
  "devices.renewCertificate": ["device"],
  "devices.enrollCertificate": ["device"],
  "devices.getAuthorityCertificates": service,
  "devices.registerCertificate": staff,
  "devices.listAuthorities": [...readers, "device"],
  "devices.rotateAuthority": ["owner"],
  "devices.revokeAuthority": ["owner"],
  "devices.takeRootKey": ["owner"],
  "devices.registerAuthority": staff,
  "devices.proveAuthority": staff,
  "devices.updateAuthority": staff,
  "devices.deleteAuthority": staff,
  "devices.putRevocationList": staff,
  "devices.getRevocationList": service,
  "devices.answerStatusRequest": service,
  "devices.createClaim": staff,
  "devices.listClaims": readers,
  "devices.getClaim": readers,
  "devices.updateClaim": staff,
  "devices.listClaimFailures": readers,
  "devices.authenticateClaim": service,
  "devices.checkClaim": service,
  "devices.createClaimedCertificate": service,
  "devices.provisionDevice": service,
  "devices.createDeviceSecret": staff,
  "devices.rotateDeviceSecret": staff,
  "devices.createProductSecret": staff,
  "devices.addPublicKey": staff,
  "devices.listPublicKeys": readers,
  "devices.deletePublicKey": staff,
  "devices.listConnectionFailures": readers,
  "devices.authenticateCertificate": service,
  "devices.authenticateSecret": service,
  "devices.authenticateToken": service,
  "devices.authenticateJwt": service,
  "devices.findPreSharedKey": service,
  "devices.registerDevice": service,
  "devices.createDeviceSession": service,
  "devices.authenticateDeviceSession": service,
  "devices.recordConnectionFailures": service,
  "devices.checkCredential": service,
  "devices.listChanges": service,
  "thingModel.publish": staff,
  "thingModel.saveDraft": staff,
  "thingModel.deprecate": staff,
  "thingModel.retire": staff,
  "thingModel.get": [...readers, "service"],
  "thingModel.list": readers,
  "thingModel.listFindings": readers,
  "thingModel.diff": readers,
  "thingModel.validate": readers,
  "thingModel.listChanges": service,
  "thingModel.export": [...readers, "service"],
  "shadow.get": [...readers, "device"],
  "shadow.update": [...users, "device"],
  "shadow.delete": [...users, "device"],
  "shadow.listNames": [...readers, "device"],
  "shadow.history": readers,
  "shadow.getAt": readers,
  "shadow.deviceReady": ["device"],
  "shadow.waitApplied": service,
  "rrpc.call": users,
  "rrpc.answer": ["device"],
  "events.append": service,
  "events.read": service,
  "events.subscribe": users,
  "events.createSubscription": users,
  "events.getSubscription": readers,
  "events.listSubscriptions": readers,
  "events.updateSubscription": users,
  "events.seekSubscription": users,
  "events.deleteSubscription": users,
  "events.listDeadLetters": readers,
  "events.replayDeadLetters": users,
  "events.deleteDeadLetters": users,
  "events.history": readers,
  "events.aggregateHistory": readers,
  "events.getConnection": readers,
  "events.recordRefusals": service,
  "events.trace": readers,
  "sessions.write": service,
  "sessions.listSessions": service,
  "sessions.loadQueue": service,
  "sessions.listRetained": service,
  "sessions.listTenantSessions": readers,
  "sessions.getSession": readers,
  "gateway.deliver": service,
  "gateway.deliverAll": service,
  "gateway.disconnect": service,
} as const satisfies Record<string, readonly Role[]>;

export type Operation = keyof typeof operations;

/** Throws `permissionDenied` unless the caller's role may do this. */
export function assertMay(caller: Caller, operation: Operation): void {
  const roles: readonly Role[] = operations[operation];
  if (!roles.includes(caller.role)) throw new PlatformError("permissionDenied", `the role ${caller.role} may not do ${operation}`);
}
