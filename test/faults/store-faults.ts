import { connect } from "node:net";
import { pause } from "@mooring/kit";
import type { Fault, FaultContext } from "./fault.ts";

/** What happens to what Postgres and Redis hold. */
export const storeFaults: readonly Fault[] = [
  { name: "redis flushed", modes: ["split"], run: ({ platform }) => flush(platform.redisUrl ?? "") },
  { name: "disk full", modes: ["all-in-one", "split"], needs: "disk", run: diskFull },
];

/** Postgres ends by itself when it cannot write its log any more; an orchestrator starts it again, in vain until there is room. */
async function diskFull({ platform, holdMs, disk }: FaultContext): Promise<void> {
  if (disk === undefined) throw new Error("disk full needs a small disk of its own");
  disk.fill();
  await pause(holdMs);
  disk.release();
  // In one process the platform has ended with it.
  await platform.restart(platform.mode === "split" ? "postgres" : undefined);
}

/** FLUSHALL, as RESP inline commands. */
function flush(url: string): Promise<void> {
  const { hostname, port, password } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(`AUTH ${decodeURIComponent(password)}\r\nFLUSHALL\r\n`));
    let answer = "";
    socket.on("error", reject);
    socket.on("data", (chunk) => {
      answer += chunk.toString();
      if (answer.split("\r\n").length < 3) return;
      socket.destroy();
      if (answer === "+OK\r\n+OK\r\n") resolve();
      else reject(new Error(`FLUSHALL was answered with ${answer}`));
    });
  });
}
