// The lists of what registered authorities have revoked: given by hand here, fetched by list-fetcher.ts.
import { assertMay, type DeviceApi, invalidField, PlatformError } from "@mooring/contracts";
import { readRevocationList } from "@mooring/pki";
import { type ForeignAuthorityDeps, getForeign } from "./foreign-authorities.ts";
import { tenantOf } from "./input.ts";
import { untimely } from "./list-rules.ts";
import { toAuthority } from "./own-authorities.ts";

export function createRevocationListOperations(deps: ForeignAuthorityDeps): Pick<DeviceApi, "putRevocationList"> {
  const { authorities, lists, clock } = deps;
  return {
    async putRevocationList(caller, request) {
      assertMay(caller, "devices.putRevocationList");
      const record = await getForeign(authorities, tenantOf(caller), request.authorityId);
      const [given, pointer] = givenList(request);
      const list = readRevocationList(given, record.issuingPem, pointer);
      const nowMs = clock.now();
      const fault = untimely(list, nowMs);
      if (fault !== undefined) throw invalidField(pointer, fault);
      if (record.list?.mode === "off")
        throw new PlatformError("failedPrecondition", "lists of this authority are not obeyed: set crlMode to another than off first");
      const outcome = await lists.replace(record.id, list, { nowMs, fetchAtMs: undefined });
      if (outcome.older !== undefined) throw new PlatformError("failedPrecondition", `the list ${outcome.older}`);
      return toAuthority(outcome.record, deps);
    },
  };
}

function givenList({
  listPem,
  list,
}: {
  readonly listPem?: string;
  readonly list?: Uint8Array;
}): [list: string | Uint8Array, pointer: string] {
  if ((listPem === undefined) === (list === undefined)) throw invalidField("/listPem", "is needed, or list, and not both");
  if (listPem !== undefined) return [listPem, "/listPem"];
  if (!(list instanceof Uint8Array)) throw invalidField("/list", "must be bytes");
  return [list, "/list"];
}
