// Authorities as rows and as records, and the products whose devices have their certificates.
import type { AuthorityMode, ProvisioningTemplate, RevocationListMode } from "@mooring/contracts";
import type { AuthorityRecord, KeyNames, RevokedSerial, RootList } from "../authority-ports.ts";
import type { ListKnowledge } from "../list-rules.ts";
import type { Transaction } from "./change-log.ts";

export const rootListColumns = ({ der, dueMs }: RootList) => ({ rootList: Buffer.from(der), rootListDue: new Date(dueMs) });

export const keyColumns = ({ subjectKeyId, keyIds }: KeyNames) => ({ subjectKeyId: subjectKeyId ?? null, keyIds: [...keyIds] });

/** A new one is not revoked. */
export function toRow({ createdAtMs, list, template, rootList, keyNames, revocation: _, ...record }: AuthorityRecord) {
  const crl = list === undefined ? {} : { crlMode: list.mode, crlUrl: list.url ?? null };
  const { rootPem = null, sealedRoot = null, sealedKey = null, nonce = null, issuerName = null, ...rest } = record;
  const shape = template === undefined ? {} : { template: { ...template } };
  return {
    ...rest,
    ...shape,
    ...crl,
    ...(rootList && rootListColumns(rootList)),
    ...(keyNames && keyColumns(keyNames)),
    rootPem,
    sealedRoot,
    sealedKey,
    nonce,
    issuerName,
    createdAt: new Date(createdAtMs),
  };
}

export interface AuthorityRow {
  readonly id: string;
  readonly tenantId: string;
  readonly kind: string;
  readonly status: string;
  readonly rootPem: string | null;
  readonly sealedRoot: string | null;
  readonly issuingPem: string;
  readonly sealedKey: string | null;
  readonly mode: string;
  readonly template: unknown;
  readonly nonce: string | null;
  readonly issuerName: string | null;
  readonly revokedAt: Date | null;
  readonly revocationReason: string | null;
  readonly rootList: Uint8Array | null;
  readonly rootListDue: Date | null;
  readonly route: string;
  readonly crlMode: string;
  readonly crlUrl: string | null;
  readonly crlNextUpdate: Date | null;
  readonly crlThisUpdate: Date | null;
  readonly crlListNumber: string | null;
  readonly crlLearnedAt: Date | null;
  readonly crlFetchAt: Date | null;
  readonly crlFailures: number;
  readonly crlError: string | null;
  readonly crlErrorAt: Date | null;
  readonly createdAt: Date;
}

/** A row as plain SQL gives it: columns by their own names. */
export type SqlRow = Readonly<Record<string, unknown>>;

export function fromSql(row: SqlRow): AuthorityRow {
  const named = Object.entries(row).map(([name, value]) => [
    name.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(named) as AuthorityRow;
}

export function toRecord(row: AuthorityRow): AuthorityRecord {
  return {
    id: row.id,
    tenantId: row.tenantId,
    kind: row.kind === "own" ? "own" : "foreign",
    status: row.status,
    rootPem: row.rootPem ?? undefined,
    sealedRoot: row.sealedRoot ?? undefined,
    issuingPem: row.issuingPem,
    sealedKey: row.sealedKey ?? undefined,
    mode: row.mode as AuthorityMode,
    template: (row.template as ProvisioningTemplate | null) ?? undefined,
    nonce: row.nonce ?? undefined,
    issuerName: row.issuerName ?? undefined,
    revocation: toRevocation(row),
    rootList: row.rootList === null || row.rootListDue === null ? undefined : { der: row.rootList, dueMs: row.rootListDue.getTime() },
    route: row.route,
    list: row.kind === "own" ? undefined : toKnowledge(row),
    createdAtMs: row.createdAt.getTime(),
  };
}

export function toRevocation({ revokedAt, revocationReason }: Pick<AuthorityRow, "revokedAt" | "revocationReason">) {
  return revokedAt === null ? undefined : { revokedAtMs: revokedAt.getTime(), reason: revocationReason ?? "unspecified" };
}

function toKnowledge(row: AuthorityRow): ListKnowledge {
  return {
    mode: row.crlMode as RevocationListMode,
    url: row.crlUrl ?? undefined,
    dueMs: row.crlNextUpdate?.getTime(),
    thisUpdateMs: row.crlThisUpdate?.getTime(),
    number: row.crlListNumber === null ? undefined : BigInt(`0x${row.crlListNumber}`),
    learnedAtMs: row.crlLearnedAt?.getTime(),
    fetchAtMs: row.crlFetchAt?.getTime(),
    failures: row.crlFailures,
    error: row.crlError ?? undefined,
    errorAtMs: row.crlErrorAt?.getTime(),
  };
}

export function toRevoked(row: { readonly serial: string; readonly revokedAt: Date; readonly reason: string }): RevokedSerial {
  return { serial: row.serial, revokedAtMs: row.revokedAt.getTime(), reason: row.reason };
}

export async function productsOf(tx: Transaction, authorityId: string): Promise<string[]> {
  const rows = await tx.$queryRaw<{ readonly product_key: string }[]>`SELECT DISTINCT d.product_key
    FROM certificates c JOIN devices d ON d.id = c.device_id WHERE c.authority_id = ${authorityId}::uuid`;
  return rows.map((row) => row.product_key);
}

/** Also the one that strangers come to: gateways let those try again that they hold off. */
export async function concernedBy(tx: Transaction, { id, template }: AuthorityRecord): Promise<Set<string>> {
  return new Set([...(await productsOf(tx, id)), ...(template === undefined ? [] : [template.productKey])]);
}
