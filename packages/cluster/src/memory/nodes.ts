import { PlatformError } from "@mooring/contracts";
import { type LiveNode, type Nodes, nodeNumberMax } from "../nodes.ts";

export interface MemoryNodes extends Nodes {
  isLive(nodeId: string): boolean;
}

/** In one process nobody dies without everybody: a node is live until it is stopped. */
export function createMemoryNodes(): MemoryNodes {
  const live = new Map<string, LiveNode>();
  const numbers = new Map<number, LiveNode>();
  let lastNumber = 0;
  const allot = (): number => {
    for (let tried = 0; tried < nodeNumberMax; tried += 1) {
      lastNumber = (lastNumber % nodeNumberMax) + 1;
      if (!numbers.has(lastNumber)) return lastNumber;
    }
    throw new PlatformError("unavailable", `all ${nodeNumberMax} node numbers are taken`);
  };
  return {
    async register(info) {
      if (live.has(info.nodeId)) throw new PlatformError("alreadyExists", `a live node has the id ${info.nodeId}`);
      const node: LiveNode = { nodeId: info.nodeId, kind: info.kind, address: info.address, number: allot() };
      live.set(node.nodeId, node);
      numbers.set(node.number, node);
      return {
        number: node.number,
        async stop() {
          if (live.get(node.nodeId) !== node) return;
          live.delete(node.nodeId);
          numbers.delete(node.number);
        },
      };
    },
    find: async (nodeId) => live.get(nodeId),
    findNumber: async (number) => numbers.get(number),
    list: async (kind) => [...live.values()].filter((node) => node.kind === kind).sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1)),
    isLive: (nodeId) => live.has(nodeId),
  };
}
