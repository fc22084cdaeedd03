// What authorities' keys are called, which finds them; see pki's ForeignAuthority.
import { readKeyNames } from "@mooring/pki";
import type { AuthorityStore, KeyNames } from "./authority-ports.ts";

/** One statement's worth of authorities that were made before their keys' names were kept. */
const unnamedMax = 1_000;

/** What the keys of an own authority are called, its root's too. */
export function nameOwnKeys({ issuingPem, rootPem }: { readonly issuingPem: string; readonly rootPem: string }): KeyNames {
  const { subjectKeyId, keyIds } = readKeyNames(issuingPem);
  return { subjectKeyId, keyIds: [...keyIds, ...readKeyNames(rootPem).keyIds] };
}

/** Gives their keys' names to all authorities that have none yet. */
export async function nameUnnamed(authorities: Pick<AuthorityStore, "listUnnamed" | "keepKeyNames">): Promise<void> {
  for (;;) {
    const unnamed = await authorities.listUnnamed(unnamedMax);
    for (const { id, issuingPem, rootPem } of unnamed)
      await authorities.keepKeyNames(id, rootPem === undefined ? readKeyNames(issuingPem) : nameOwnKeys({ issuingPem, rootPem }));
    if (unnamed.length < unnamedMax) return;
  }
}
