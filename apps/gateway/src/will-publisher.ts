// How wills leave a node: a device's by the way of what it says, any other into its tenant's space; after a delay only if their owners may still speak.
import { type Clock, pause } from "@mooring/kit";
import type { WillRights } from "./auth/will-rights.ts";
import type { PublishWill } from "./broker/due-wills.ts";

export interface WillPublisherDeps {
  readonly clock: Clock;
  readonly onDeviceWill: PublishWill;
  readonly willRights: Pick<WillRights, "ask">;
}

export interface WillPublisher {
  readonly publish: PublishWill;
  /** No more leave; resolves when those that are on their way are out, after 3 s at the latest. What has not left is published by the next start. */
  stop(): Promise<void>;
}

/** Below any delay of a will that a client can ask for, and above what passes between a connection's end and a will without delay. */
const delayMsMin = 500;
const stopMsMax = 3_000;

export function createWillPublisher({ clock, onDeviceWill, willRights }: WillPublisherDeps): WillPublisher {
  let isStopped = false;
  let underWay = 0;
  let onNoneLeft: () => void = () => undefined;

  const leaveByDevice: PublishWill = (session, will, tell) => {
    underWay++;
    const done = (): void => {
      if (--underWay === 0) onNoneLeft();
    };
    try {
      onDeviceWill(session, will, (outcome) => {
        done();
        tell(outcome);
      });
    } catch (error) {
      done();
      throw error;
    }
  };

  const leave: PublishWill = (session, will, tell) => {
    if (session.owner.startsWith("device:")) return leaveByDevice(session, will, tell);
    session.space.store.together();
    session.space.route(will, will.topic, 0, session);
    tell("published");
  };

  return {
    publish(session, will, tell) {
      if (isStopped) return;
      // Until its connection ended the owner was looked at all the time.
      if (clock.now() - session.disconnectedAtMs < delayMsMin) return leave(session, will, tell);
      const isAsked = willRights.ask(session, (mayPublish) => {
        if (isStopped) return;
        if (!mayPublish) return tell("refused");
        try {
          leave(session, will, tell);
        } catch (error) {
          tell("refused");
          throw error;
        }
      });
      if (!isAsked) tell("later");
    },

    async stop() {
      isStopped = true;
      if (underWay > 0) await Promise.race([new Promise<void>((resolve) => (onNoneLeft = resolve)), pause(stopMsMax)]);
    },
  };
}
