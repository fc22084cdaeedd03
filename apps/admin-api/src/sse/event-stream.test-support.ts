import { type ClientRequest, type IncomingMessage, request } from "node:http";

interface Frame {
  readonly id?: string;
  readonly event?: string;
  readonly retry?: string;
  readonly data?: string;
}

/** A client of server-sent events as the HTML standard has it, without its reconnecting. */
export interface EventStream {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly frames: readonly Frame[];
  /** Of the last frame that had an id, with data or without. */
  lastEventId(): string | undefined;
  /** Records only: offsets in the order they came. */
  offsets(): readonly number[];
  readonly ended: Promise<void>;
  /** The raw text so far, for answers that are no stream. */
  text(): string;
  pause(): void;
  resume(): void;
  close(): void;
}

export function openEventStream(url: string, headers: Readonly<Record<string, string>>): Promise<EventStream> {
  return new Promise((resolve, reject) => {
    const call = request(url, { headers, agent: false });
    call.once("error", reject);
    call.once("response", (response) => resolve(read(call, response)));
    call.end();
  });
}

function read(call: ClientRequest, response: IncomingMessage): EventStream {
  const frames: Frame[] = [];
  let text = "";
  let rest = "";
  const ended = new Promise<void>((resolve) => {
    response.once("close", resolve);
  });
  response.setEncoding("utf8").on("error", () => undefined);
  response.on("data", (chunk: string) => {
    text += chunk;
    rest += chunk;
    const complete = rest.split("\n\n");
    rest = complete.pop() ?? "";
    frames.push(...complete.map(parseFrame));
  });
  const records = () => frames.filter((frame) => frame.data !== undefined && frame.event !== "error");
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    frames,
    lastEventId: () => frames.findLast((frame) => frame.id !== undefined)?.id,
    offsets: () => records().map((frame) => Number(frame.id)),
    ended,
    text: () => text,
    pause: () => response.pause(),
    resume: () => response.resume(),
    close: () => call.destroy(),
  };
}

function parseFrame(text: string): Frame {
  const frame: Record<string, string> = {};
  for (const line of text.split("\n")) {
    const [, name = "", value = ""] = /^([a-z]*): ?(.*)$/.exec(line) ?? [];
    if (name !== "") frame[name] = frame[name] === undefined ? value : `${frame[name]}\n${value}`;
  }
  return frame;
}
