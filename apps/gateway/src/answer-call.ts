import { nodeNumberOf, type RrpcApi } from "@mooring/contracts";
import type { AnswerCall } from "./route/call-answers.ts";

/**
 * Brings an answer to the node named in its message id. `findRrpc` gives the node of a number, or undefined when it is gone: then nobody waits
 * any more. A message id that names no node is nobody's either.
 */
export function createAnswerCall(findRrpc: (nodeNumber: number) => Promise<Pick<RrpcApi, "answer"> | undefined>): AnswerCall {
  return async (caller, request) => {
    const number = nodeNumberOf(request.messageId);
    const rrpc = number === undefined ? undefined : await findRrpc(number);
    return rrpc === undefined ? { accepted: false } : await rrpc.answer(caller, request);
  };
}
