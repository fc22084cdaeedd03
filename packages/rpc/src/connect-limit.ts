import type { Socket } from "node:net";
import type { ChannelCredentials } from "@grpc/grpc-js";

/** For a handshake and a first word between services; a process that is being started takes no connection before it can answer. */
const silenceMsMax = 5_000;

type SecureConnector = ReturnType<ChannelCredentials["_createSecureConnector"]>;

/**
 * The same credentials, but a peer that took the TCP connection and then says nothing is given up: grpc-js itself waits for ever, for the TLS
 * handshake and for the first frame of HTTP/2, since its keepalive begins after them. `_createSecureConnector` is no public name; the version of
 * grpc-js is pinned, and a test tells when it is gone.
 */
export function limitConnecting(credentials: ChannelCredentials): ChannelCredentials {
  const create: ChannelCredentials["_createSecureConnector"] = (...args) => limited(credentials._createSecureConnector(...args));
  // Its prototype, so that channels with equal credentials still share a connection.
  return Object.create(credentials, { _createSecureConnector: { value: create } }) as ChannelCredentials;
}

function limited(connector: SecureConnector): SecureConnector {
  return {
    waitForReady: () => connector.waitForReady(),
    getCallCredentials: () => connector.getCallCredentials(),
    destroy: () => connector.destroy(),
    async connect(socket: Socket) {
      const handshake = giveUpIfSilent(socket, () => false);
      try {
        const result = await Promise.race([connector.connect(socket), handshake.silent]);
        const bytesBefore = socket.bytesRead;
        // Whoever waits for the first frame hears of the socket's end.
        giveUpIfSilent(socket, () => socket.bytesRead > bytesBefore).silent.catch(() => undefined);
        return result;
      } finally {
        handshake.stop();
      }
    },
  };
}

function giveUpIfSilent(socket: Socket, hasSpoken: () => boolean): { readonly silent: Promise<never>; stop(): void } {
  let timer: NodeJS.Timeout | undefined;
  const silent = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      if (hasSpoken() || socket.destroyed) return;
      const error = new Error(`the peer took the connection and said nothing for ${silenceMsMax} ms`);
      reject(error);
      socket.destroy(error);
    }, silenceMsMax);
    timer.unref();
  });
  silent.catch(() => undefined);
  return { silent, stop: () => clearTimeout(timer) };
}
