import assert from "node:assert/strict";
import { randomInt, randomUUID } from "node:crypto";
import { PlatformError } from "@mooring/contracts";
import { type Log, pause } from "@mooring/kit";
import type { Redis } from "ioredis";
import { deadAfterMs, heartbeatMs, type LiveNode, type NodeInfo, type Nodes, nodeNumberMax, type RegisterOptions } from "../nodes.ts";
import { guarded, runScript } from "./connection.ts";
import { beatScript, findNumberScript, leaveScript, listNodesScript } from "./node-scripts.ts";

/** A number is not given to another node for this long after its owner's last heartbeat: the calls that carry it are over by then. */
const numberLeaseMs = 60_000;

export interface RedisNodesDeps {
  readonly client: Redis;
  readonly prefix: string;
  readonly log: Log;
}

export function createRedisNodes(deps: RedisNodesDeps): Nodes {
  const { client, prefix } = deps;
  return {
    async register(node, options = {}) {
      const beat = createBeat(deps, node);
      if ((await beat.once()) === "taken") throw new PlatformError("alreadyExists", `a live node has the id ${node.nodeId}`);
      const loop = startHeartbeat(deps, beat, options);
      return {
        get number() {
          return beat.number();
        },
        async stop() {
          await loop.stop();
          // Out of reach, the registration runs out by itself.
          await beat.leave().catch((error: unknown) => deps.log.warn({ err: error }, "the node's registration is left to run out"));
        },
      };
    },
    async find(nodeId) {
      const value = await guarded(() => client.get(`${prefix}node:${nodeId}`));
      return value === null ? undefined : parseNode(nodeId, value);
    },
    async findNumber(number) {
      const answer = await runScript(client, findNumberScript, [prefix, number]);
      return parseNodes(answer)[0];
    },
    async list(kind) {
      const nodes = parseNodes(await runScript(client, listNodesScript, [prefix, kind]));
      return nodes.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
    },
  };
}

interface Beat {
  once(): Promise<"alive" | "made" | "taken">;
  leave(): Promise<void>;
  number(): number;
}

function createBeat({ client, prefix }: RedisNodesDeps, node: NodeInfo): Beat {
  const token = randomUUID();
  const json = JSON.stringify({ kind: node.kind, address: node.address });
  let number = randomInt(1, nodeNumberMax + 1);
  return {
    async once() {
      const args = [prefix, node.nodeId, node.kind, token, json, deadAfterMs, number, nodeNumberMax, numberLeaseMs];
      const answer = await runScript(client, beatScript, args);
      assert(Array.isArray(answer));
      const [state, given] = answer;
      assert(state === "alive" || state === "made" || state === "taken");
      if (state === "taken") return state;
      if (given === 0) throw new PlatformError("unavailable", `all ${nodeNumberMax} node numbers are taken`);
      number = Number(given);
      return state;
    },
    async leave() {
      await runScript(client, leaveScript, [prefix, node.nodeId, node.kind, token]);
    },
    number: () => number,
  };
}

/** Beats until stopped. Restoring runs beside the beats: putting 100,000 entries back must not make the node look dead. */
function startHeartbeat({ log }: RedisNodesDeps, beat: Beat, { onLost }: RegisterOptions): { stop(): Promise<void> } {
  const abort = new AbortController();
  let losses = 0;
  let lossesHandled = 0;
  let restoring: Promise<void> | undefined;

  const restore = async (): Promise<void> => {
    const handled = losses;
    try {
      await onLost?.();
      lossesHandled = handled;
    } catch (error) {
      log.warn({ err: error }, "what this node had in the cluster's store could not be put back; trying again");
    } finally {
      restoring = undefined;
    }
  };
  const step = async (): Promise<void> => {
    const state = await beat.once();
    if (state === "taken") log.error({}, "another process has registered under this node's id");
    if (state === "made") {
      losses += 1;
      log.warn({}, "this node's registration had vanished from the cluster's store and was made again");
    }
    if (losses > lossesHandled) restoring ??= restore();
  };
  const run = async (): Promise<void> => {
    for (;;) {
      await pause(heartbeatMs, abort.signal);
      if (abort.signal.aborted) return;
      // The connection itself reports that Redis is away, once; a line per missed beat would add nothing.
      await step().catch((error: unknown) => {
        if (!(error instanceof PlatformError)) log.error({ err: error }, "a heartbeat failed");
      });
    }
  };
  const done = run();
  return {
    async stop() {
      abort.abort();
      await done;
      await restoring;
    },
  };
}

function parseNodes(answer: unknown): LiveNode[] {
  assert(Array.isArray(answer), "a node script answers with a list");
  const nodes: LiveNode[] = [];
  for (let at = 0; at < answer.length; at += 2) nodes.push(parseNode(String(answer[at]), String(answer[at + 1])));
  return nodes;
}

function parseNode(nodeId: string, value: string): LiveNode {
  const [, number, json] = /^(\d+):[^:]*:(.*)$/s.exec(value) ?? [];
  assert(number !== undefined && json !== undefined, "a stored node is <number>:<token>:<JSON>");
  const { kind, address } = JSON.parse(json) as Pick<NodeInfo, "kind" | "address">;
  return { nodeId, kind, address, number: Number(number) };
}
