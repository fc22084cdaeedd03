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
/** Wills that wait. One more is to come again. */
const waitingMax = 10_000;
const retryMs = 500;

export type WillRights = ReturnType<typeof createWillRights>;

export function createWillRights({ devices, access, log }: WillRightsDeps) {
  const credentials = new WeakMap<WillOwner, string>();
  const waiting: (() => Promise<void>)[] = [];
  let asking = 0;

  /** Rejects when there is nobody who knows; undefined when there is nothing to ask. */
  const askAbout = (owner: string, credentialId: string | undefined): Promise<unknown> | undefined => {
    const caller = serviceCaller("gateway");
    const [kind = "", id = ""] = owner.split(":");
    if (kind === "device") return credentialId === undefined ? undefined : devices.checkCredential(caller, { deviceId: id, credentialId });
    return kind === "key" ? access.findScramVerifier(caller, { keyId: id }) : undefined;
  };

  const settle = async (owner: string, credentialId: string | undefined, answer: (mayPublish: boolean) => void): Promise<void> => {
    for (;;) {
      try {
        await askAbout(owner, credentialId);
        break;
      } catch (error) {
        const code = error instanceof PlatformError ? error.code : "internal";
        if (code === "unauthenticated" || code === "permissionDenied" || code === "notFound") return answer(false);
        log.warn({ err: error, owner }, "it cannot be asked whether a will may be published; it is tried again");
        await pause(retryMs);
      }
    }
    answer(true);
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
    /**
     * Answers once it is known whether the owner may still speak: at once where there is nothing to ask. False, without an answer, when too many wills
     * wait: it is to be asked again.
     */
    ask(session: WillOwner, answer: (mayPublish: boolean) => void): boolean {
      const { owner } = session;
      // Of the connection that left the will: its client may come back with another one.
      const credentialId = credentials.get(session);
      if (!owner.startsWith("key:") && credentialId === undefined) {
        answer(true);
        return true;
      }
      if (waiting.length >= waitingMax) return false;
      waiting.push(() => settle(owner, credentialId, answer));
      work();
      return true;
    },
  };
}
