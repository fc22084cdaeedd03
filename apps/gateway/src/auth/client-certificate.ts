// Who a TLS peer is: by the certificate it proved to hold in the handshake, and by nothing else.
import type { TLSSocket } from "node:tls";
import { type DeviceApi, type DeviceIdentity, type SignOnOrigin, serviceCaller } from "@mooring/contracts";

/**
 * The peer's certificate in DER, or undefined when it sent none; of a resumed session the one of the full handshake before. `socket.authorized` is not looked at:
 * with TLS 1.3 it is true for a resumed session of a client that never had a certificate.
 */
function peerCertificate(socket: TLSSocket): Uint8Array | undefined {
  const der = socket.getPeerX509Certificate()?.raw;
  return der === undefined || der.length === 0 ? undefined : der;
}

/** What the peer said in the handshake that it wants to speak to (SNI, RFC 6066 §3). */
function peerServerName(socket: TLSSocket): string | undefined {
  // Documented with the event `secureConnection`, and missing in the types.
  const { servername } = socket as TLSSocket & { readonly servername?: unknown };
  return typeof servername === "string" && servername !== "" ? servername : undefined;
}

/** What a TLS peer showed. */
export interface ShownCertificate {
  readonly der: Uint8Array;
  readonly serverName: string | undefined;
  /**
   * It may have said a name that cannot be seen: with TLS 1.2 OpenSSL resumes a session whatever name is said, and tells neither this one nor the one of before. With TLS
   * 1.3 it tells the one of this handshake.
   */
  readonly isNameHidden: boolean;
}

/** Undefined for a peer without a certificate. */
export function shownCertificate(socket: TLSSocket): ShownCertificate | undefined {
  const der = peerCertificate(socket);
  if (der === undefined) return undefined;
  const isNameHidden = socket.isSessionReused() && socket.getProtocol() !== "TLSv1.3";
  return { der, serverName: peerServerName(socket), isNameHidden };
}

/** The device behind a certificate. Throws `unauthenticated`, or what says that nobody could tell. */
export function authenticateCertificate(
  devices: Pick<DeviceApi, "authenticateCertificate">,
  { der, serverName, isNameHidden }: ShownCertificate,
  origin: SignOnOrigin,
): Promise<DeviceIdentity> {
  return devices.authenticateCertificate(serviceCaller("gateway"), {
    certificateDer: der,
    ...(serverName !== undefined && { serverName }),
    ...(isNameHidden && { isNameHidden }),
    origin,
  });
}
