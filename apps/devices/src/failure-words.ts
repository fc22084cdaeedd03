// What an operator reads about a refused sign-on. The words are the metrics' labels as well, so they stay as they are.

const words: Readonly<Record<string, string>> = {
  malformed: "What was sent is no proof of the form it claims to be: look at the client id, the user name and the password.",
  unknown: "The certificate is none that this platform issued or knows.",
  mismatch: "The certificate and what is stored about it do not agree.",
  "unknown-issuer": "The certificate was not issued by the authority of the device's tenant.",
  revoked: "The certificate was revoked.",
  pending: "The certificate waits for approval: set its status to active.",
  inactive: "The certificate was made inactive: set its status to active.",
  superseded: "The certificate was renewed, and its time beside the next one is over: give the device the next one.",
  "authority-inactive": "The authority that issued the certificate is not active.",
  "authority-revoked": "The authority that issued the certificate was revoked: give the device a certificate of the one that issues now.",
  "revocation-list-outdated": "The revocation list of the certificate's authority is too old to tell: give the authority a newer one.",
  "revocation-list-missing":
    "The certificate's authority needs a revocation list (crlMode is required), and none was given or fetched yet.",
  "tenant-not-named":
    "Several tenants may have the certificate's authority: the device must connect to the tenant's own host name and say it in the TLS handshake (SNI).",
  "name-hidden":
    "The device resumed a TLS 1.2 session, which does not show the host name that its tenant is told by: it must use TLS 1.3, or MOORING_TLS_SESSION_S be 0.",
  "another-tenant": "The host name that the device connected to is another tenant's.",
  "issuer-expired": "The authority that issued the certificate is over, or not valid yet.",
  "odd-device-name": "The certificate's authority provisions no device of the name that the certificate has.",
  "name-taken": "The certificate's authority, or the claim, would provision a device whose name is taken by one of another origin.",
  "too-many-certificates": "The authority has too many devices that wait for approval, or the device too many active certificates.",
  "not-yet-valid": "The certificate or token is not valid yet: look at the device's clock.",
  expired: "The certificate, or the token's time, is over: renew it, and look at the device's clock.",
  disabled: "The device is disabled.",
  "tenant-suspended": "The tenant is suspended by the platform's operator.",
  "secrets-not-allowed": "The product does not allow secrets: set secretAuthentication.",
  "no-secret": "The device has no secret; make one, or give it another credential.",
  "legacy-not-allowed": "The signature is HMAC-MD5, which the product takes only with legacySignatures.",
  "wrong-signature":
    "The signature is not one of the device's secret: another secret, or other contents (client id, timestamp) were signed.",
  "previous-secret-over": "The signature is one of the secret before, whose time is over: give the device the new one.",
  "wrong-token":
    "The token, or the client id it was given to, is not the one of the device: it may have been replaced by a later registration.",
  "wrong-key": "The TLS handshake did not end: the pre-shared key is not the device's.",
  "no-key": "The token is signed with a key that is not registered for the device.",
  "wrong-algorithm": "The token's algorithm is not the one of its key; only EdDSA and ES256 are taken.",
  "no-expiry": "The token has no time at which it ends (exp).",
  "too-long": "The token is good for more than 24 hours.",
  "wrong-audience": "The token's aud is neither the product key nor the tenant.",
  "registration-off": "The product does not let its devices register: set registration.",
  "no-product-secret": "The product has no secret to register with.",
  "wrong-product-signature": "The signature of the registration is not one of the product's secret.",
  "already-activated": "The device has credentials in use already, so it cannot register again; delete and create it to allow that.",
  "registration-limit": "The product has as many devices made by registration as registeredDevicesMax allows.",
  "claim-inactive": "The claim was made inactive: set its status to active.",
  "claim-revoked": "The claim was revoked.",
  "claim-over": "The claim was made inactive or revoked meanwhile.",
  "claim-limit": "The claim has made as many devices as devicesMax allows.",
  "hook-refused": "The provisioning hook refused.",
  "hook-unavailable": "The provisioning hook could not be asked, or gave no answer that says yes or no: look at the endpoint of hookUrl.",
  "provisioned-already": "The device was provisioned with another key; set allowsNewKeys to let it come again, or delete it.",
  "wrong-request": "The certificate request, the parameters or the token are wrong: the device was told which.",
  "not-provisioned": "The platform could not do it at that time; the device may ask again.",
  "no-credential": "Neither a certificate nor a proof of another kind was sent.",
  "identity-mismatch": "The user name names another device than the one that was proved.",
  "held-off":
    "Refused without being looked at, because too many sign-ons failed before. It goes on at heldOffUntil, or as soon as the device or its product is changed.",
  "plain-transport": "This proof may only be sent over TLS.",
};

export function wordsOf(reason: string): string {
  return words[reason] ?? "The sign-on was refused.";
}

/** Reasons that gateways may tell. */
export const gatewayReasons: ReadonlySet<string> = new Set([
  "no-credential",
  "identity-mismatch",
  "held-off",
  "plain-transport",
  "wrong-key",
]);
