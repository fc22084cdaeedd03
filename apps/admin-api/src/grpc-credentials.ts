import { type experimental, experimental as grpcExperimental, ServerCredentials } from "@grpc/grpc-js";
import type { ServerTls } from "@mooring/kit";

export interface PublicCredentials {
  readonly credentials: ServerCredentials;
  /** New connections are shown this certificate; nothing happens where there is none. */
  replaceTls(tls: ServerTls): void;
}

type Listener = experimental.IdentityCertificateUpdateListener;

/**
 * Credentials of the public listener, whose certificate may change while it is open; without `tls` plain text. grpc-js sets a new secure context on
 * its server for each update, which connections that are there do not notice.
 */
export function createPublicCredentials(tls: ServerTls | undefined): PublicCredentials {
  if (tls === undefined) return { credentials: ServerCredentials.createInsecure(), replaceTls: () => undefined };
  let shown = toUpdate(tls);
  const listeners = new Set<Listener>();
  const provider: experimental.CertificateProvider = {
    addIdentityCertificateListener(listener) {
      listeners.add(listener);
      // Its server listens to it only after this returns, and drops connections until it has heard.
      queueMicrotask(() => listener(shown));
    },
    removeIdentityCertificateListener: (listener) => void listeners.delete(listener),
    // Clients show no certificate here, so there is no authority of theirs.
    addCaCertificateListener: () => undefined,
    removeCaCertificateListener: () => undefined,
  };
  return {
    // The parameters are declared in another order than they are taken in (1.14): the identity is the first.
    credentials: grpcExperimental.createCertificateProviderServerCredentials(provider, null, false),
    replaceTls(replaced) {
      shown = toUpdate(replaced);
      for (const listener of listeners) listener(shown);
    },
  };
}

function toUpdate({ certificatePem, keyPem }: ServerTls): experimental.IdentityCertificateUpdate {
  return { certificate: Buffer.from(certificatePem), privateKey: Buffer.from(keyPem) };
}
