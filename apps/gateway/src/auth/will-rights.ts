// Whether a will may still be published when its time comes: its owner may have lost the right to speak since it was left.
import { type AccessApi, type DeviceApi, PlatformError, serviceCaller } from "@mooring/contracts";
import { type Log, pause } from "@mooring/kit";

export interface WillRightsDeps {
  readonly devices: Pick<DeviceApi, "checkCredential">;
  readonly access: Pick<AccessApi, "findScramVerifier">;
  readonly log: Log;
}

/** Whose will it is, as sessions have it: `device:{id}`, `key:{id}`, or somebody without a credential. */
export interface WillOwner {
  readonly owner: string;
}

/** Asked at once; the others wait. */
const asksMax = 32;
/** Wills that wait, each of 16 KB at most. One more is let go of: what cannot be asked about is not said. */
const waitingMax = 10_000;
const retryMs = 500;

export type WillRights = ReturnType<typeof createWillRights>;

export function createWillRights({ devices, access, log }: WillRightsDeps) {
  const credentials = new WeakMap<WillOwner, string>();
  const waiting: (() => Promise<void>)[] = [];
  let asking = 0;

  /** Rejects when there is nobody who knows; undefined when there is nothing to ask. */
  const askAbout = (from: WillOwner): Promise<unknown> | undefined => {
    const caller = serviceCaller("gateway");
    const [kind = "", id = ""] = from.owner.split(":");
    const credentialId = credentials.get(from);
    if (kind === "device") return credentialId === undefined ? undefined : devices.checkCredential(caller, { deviceId: id, credentialId });
    return kind === "key" ? access.findScramVerifier(caller, { keyId: id }) : undefined;
  };

  const settle = async (from: WillOwner, publish: () => void): Promise<void> => {
    for (;;) {
      try {
        await askAbout(from);
        break;
      } catch (error) {
        const code = error instanceof PlatformError ? error.code : "internal";
        if (code === "unauthenticated" || code === "permissionDenied" || code === "notFound") return;
        log.warn({ err: error, owner: from.owner }, "it cannot be asked whether a will may be published; it is tried again");
        await pause(retryMs);
      }
    }
    publish();
  };

  const work = (): void => {
    while (asking < asksMax) {
      const next = waiting.shift();
      if (next === undefined) return;
      asking++;
      next()
        .catch((error: unknown) => log.error({ err: error }, "a will could not be published"))
        .finally(() => {
          asking--;
          work();
        });
    }
  };

  return {
    /** The device's session was opened with this credential. What is not remembered, since the process has ended, is not asked about. */
    remember(session: WillOwner, credentialId: string): void {
      credentials.set(session, credentialId);
    },
    /** Calls `publish` once it is known that the owner may still speak: at once where there is nothing to ask, and never when it may not. */
    ask(session: WillOwner, publish: () => void): void {
      const isKnown = session.owner.startsWith("key:") || credentials.has(session);
      if (!isKnown) return publish();
      if (waiting.length >= waitingMax) return log.error({ owner: session.owner }, "too many wills wait; one is not published");
      waiting.push(() => settle(session, publish));
      work();
    },
  };
}
