import type { ClusterView, OnlineDevice } from "./ports.ts";

/** Questions to the cluster's store under way at once. */
const questionsMax = 50;

/** Those that no live node has a connection of. */
export async function withoutConnection({ presence }: ClusterView, rows: readonly OnlineDevice[]): Promise<readonly OnlineDevice[]> {
  const gone: OnlineDevice[] = [];
  for (let at = 0; at < rows.length; at += questionsMax) {
    const asked = rows.slice(at, at + questionsMax);
    const found = await Promise.all(asked.map((row) => presence.find(row.device.deviceId)));
    gone.push(...asked.filter((_, i) => found[i]?.length === 0));
  }
  return gone;
}
