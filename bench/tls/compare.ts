// TLS with client certificates at the platform's door beside openssl s_server, with the same certificates on both sides.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SecureVersion } from "node:tls";
import { figure, table } from "../benchmark.ts";
import { createFleet } from "../platform/fleet.ts";
import { type Platform, startPlatform } from "../platform/start-platform.ts";
import { type HandshakePlan, type HandshakeResult, measureHandshakes } from "./handshakes.ts";
import { startOpenssl } from "./s-server.ts";

interface Row {
  readonly name: string;
  readonly version: SecureVersion;
  readonly resumes: boolean;
  readonly signsOn?: boolean;
}

const rows: readonly Row[] = (["TLSv1.3", "TLSv1.2"] as const).flatMap((version) => {
  const name = version.replace("v", " ");
  return [
    { name: `${name}, full`, version, resumes: false },
    { name: `${name}, resumed`, version, resumes: true },
    { name: `${name}, full, and signed on (MQTT CONNECT to CONNACK)`, version, resumes: false, signsOn: true },
    { name: `${name}, resumed, and signed on`, version, resumes: true, signsOn: true },
  ];
});

export interface Compared {
  readonly name: string;
  readonly platform: HandshakeResult;
  readonly openssl: HandshakeResult | undefined;
}

export async function compareHandshakes(forMs: number, report: (line: string) => void): Promise<readonly Compared[]> {
  const folder = mkdtempSync(join(tmpdir(), "mooring-bench-tls-"));
  const platform = await startPlatform({ MOORING_TLS_SESSION_S: "3600" });
  try {
    const [device] = (await createFleet(platform, 1)).tls;
    if (device?.certificatePem === undefined || device.keyPem === undefined) throw new Error("there is no device");
    const authorityFile = join(folder, "root.pem");
    writeFileSync(authorityFile, await rootOf(platform));
    const { certificateFile, keyFile, caPem } = platform;
    const openssl = await startOpenssl({ certificateFile, keyFile, authorityFile });
    const shown = { caPem, certificatePem: device.certificatePem, keyPem: device.keyPem, forMs };
    const door = { pid: platform.pid, port: Number(platform.mqtts.split(":").at(-1)) };
    const found: Compared[] = [];
    try {
      for (const { name, signsOn = false, ...row } of rows) {
        const plan = (server: Pick<HandshakePlan, "pid" | "port">): HandshakePlan => ({ ...shown, ...server, ...row, signsOn });
        const ours = await measureHandshakes(plan(door));
        const theirs = openssl === undefined || signsOn ? undefined : await measureHandshakes(plan(openssl));
        for (const { resumed } of theirs === undefined ? [ours] : [ours, theirs])
          if (resumed !== (row.resumes ? 1 : 0)) throw new Error(`${resumed} of "${name}" were resumed`);
        report(`${name}: ${figure(ours.cpuUs)} us of CPU each${theirs === undefined ? "" : `, openssl ${figure(theirs.cpuUs)} us`}`);
        found.push({ name, platform: ours, openssl: theirs });
      }
    } finally {
      openssl?.stop();
    }
    return found;
  } finally {
    await platform.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function rootOf({ rest, apiKey }: Platform): Promise<string> {
  const answer = await fetch(`${rest}/v1/authorities`, { headers: { authorization: `Bearer ${apiKey}` } });
  const { authorities } = (await answer.json()) as { readonly authorities: readonly { readonly rootPem?: string }[] };
  const rootPem = authorities.find((one) => one.rootPem !== undefined)?.rootPem;
  if (rootPem === undefined) throw new Error("the tenant has no root");
  return rootPem;
}

export function presentHandshakes(compared: readonly Compared[]): string {
  const perCore = ({ cpuUs }: HandshakeResult): string => figure(1_000_000 / cpuUs);
  const cells = ({ name, platform, openssl }: Compared): string[] => [
    name,
    figure(platform.cpuUs),
    perCore(platform),
    openssl === undefined ? "" : figure(openssl.cpuUs),
    openssl === undefined ? "" : perCore(openssl),
    openssl === undefined ? "" : figure(platform.cpuUs / openssl.cpuUs),
  ];
  const head = ["handshakes with a client certificate", "us of CPU", "per s and core", "openssl, us", "openssl, per s and core", "ratio"];
  return table(head, compared.map(cells));
}
