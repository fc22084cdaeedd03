import { type Delivery, invalidField } from "@mooring/contracts";
import type { Group } from "./group.ts";
import { creditMax } from "./limits.ts";
import type { GroupMember } from "./member.ts";
import type { JoinOptions, Member } from "./ports.ts";

/** A member as those outside know it. Once it has ended it does nothing any more. */
export function createFace(group: Group, member: GroupMember, leave: (handed?: readonly number[]) => Promise<void>): Member {
  let closed: Promise<void> | undefined;
  const close = (handed?: readonly number[]): Promise<void> => {
    closed ??= leave(handed);
    return closed;
  };
  const iterator: AsyncIterator<Delivery> = {
    next: () => member.next(),
    async return() {
      await close();
      return { done: true, value: undefined };
    },
  };
  return {
    deliveries: { [Symbol.asyncIterator]: () => iterator },
    acknowledgeUpTo: (offset) => member.ended || group.acknowledgeUpTo(member, offset),
    acknowledge: (offsets) => member.ended || group.acknowledge(member, offsets),
    reject: (offsets, reason) => member.ended || group.reject(member, offsets, reason ?? "rejected"),
    giveUp: (offsets, reason, tries) => member.ended || group.giveUp(member, offsets, reason, tries),
    extend: (offsets) => member.ended || group.extend(member, offsets),
    addCredit(records) {
      if (member.ended) return;
      if (member.credit === Number.POSITIVE_INFINITY) throw invalidField("/credit", "cannot be added to: the stream began without credit");
      assertCredit({ credit: records });
      if (member.credit + records > creditMax) throw invalidField("/credit", `would come to more than ${creditMax}`);
      group.addCredit(member, records);
    },
    get endpoint() {
      return group.endpoint;
    },
    reportEndpoint: (status) => member.ended || group.reportEndpoint(status),
    close,
  };
}

export function assertCredit({ credit }: JoinOptions): void {
  if (credit === undefined || (Number.isInteger(credit) && credit >= 0 && credit <= creditMax)) return;
  throw invalidField("/credit", `must be a whole number from 0 to ${creditMax}`);
}
