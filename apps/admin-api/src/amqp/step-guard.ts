import type { AmqpEnd } from "./conditions.ts";
import type { AmqpLimits } from "./limits.ts";
import type { Frame, ServerConnection } from "./rhea-internals.ts";

type Step = "on_open" | "on_begin" | "on_attach" | "on_flow" | "on_transfer" | "on_disposition";
/** Undefined lets the step pass. */
type Check = (frame: Frame) => AmqpEnd | "ignore" | undefined;

const uintMax = 0xffff_ffff;
const nameLengthMax = 256;
const handleMax = 255;
/** Links that a client may open and we have closed: it has to answer for them before it opens more. */
const linksPerLinkMax = 4;

const isUint = (value: unknown): value is number => typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= uintMax;
const isAbsent = (value: unknown): value is null | undefined => value === null || value === undefined;
const malformed = (description: string): AmqpEnd => ({ condition: "amqp:decode-error", description });

/**
 * Looks at what a client asks of the library before it does it. Without this a few bytes make it loop over four billion deliveries, cut
 * messages into frames of negative size, count down a negative credit for ever, or set a timer of no time at all.
 */
export function guardSteps(connection: ServerConnection, limits: AmqpLimits, refuse: (end: AmqpEnd) => void): void {
  const checks: Readonly<Record<Step, Check>> = {
    on_open: (frame) => checkOpen(frame, limits),
    on_begin: (frame) => checkBegin(frame, connection, limits),
    on_attach: (frame) => checkAttach(frame, connection, limits),
    on_flow: checkFlow,
    on_transfer: () => ({ condition: "amqp:not-allowed", description: "this listener only sends" }),
    on_disposition: (frame) => checkDisposition(frame, limits),
  };
  // What came in one piece with the refused step is not looked at any more.
  let refused = false;
  for (const step of Object.keys(checks) as Step[]) {
    const go = connection[step].bind(connection);
    connection[step] = (frame) => {
      if (refused) return;
      const opened = connection.remote.open !== undefined;
      const end = opened === (step === "on_open") ? malformed("frames are out of order") : checks[step](frame);
      refused = end !== undefined && end !== "ignore";
      // A client can only be told why when its open was taken, whatever is wrong in it.
      if (end === undefined || (step === "on_open" && !opened)) go(frame);
      if (refused) refuse(end as AmqpEnd);
    };
  }
}

function checkOpen({ performative }: Frame, limits: AmqpLimits): AmqpEnd | undefined {
  const { max_frame_size: frameBytes, idle_time_out: idleMs } = performative;
  const fields = performative as Record<string, unknown>;
  if (!isAbsent(frameBytes) && !(isUint(frameBytes) && frameBytes >= limits.peerFrameBytesMin)) {
    fields["max_frame_size"] = limits.peerFrameBytesMin;
    fields["idle_time_out"] = 0;
    return { condition: "amqp:invalid-field", description: `max-frame-size must be at least ${limits.peerFrameBytesMin}` };
  }
  if (isAbsent(idleMs) || idleMs === 0) return undefined;
  if (!isUint(idleMs) || idleMs < limits.peerIdleMsMin) {
    fields["idle_time_out"] = 0;
    return { condition: "amqp:invalid-field", description: `idle-time-out must be at least ${limits.peerIdleMsMin} ms` };
  }
  fields["idle_time_out"] = Math.min(idleMs, limits.peerIdleMsMax);
  return undefined;
}

function checkBegin({ channel, performative }: Frame, { local_channel_map: sessions }: ServerConnection, limits: AmqpLimits) {
  const { remote_channel: answered, incoming_window: window } = performative;
  if (!isAbsent(answered)) return malformed("there is no session to be answered");
  if (!isUint(window)) return malformed("incoming-window is no uint");
  const open = Object.values(sessions);
  if (open.some((session) => session.remote.channel === channel)) return malformed("the channel has a session");
  if (open.length < limits.sessionsMax) return undefined;
  return { condition: "amqp:resource-limit-exceeded", description: `a connection may have ${limits.sessionsMax} sessions` };
}

function checkAttach({ performative }: Frame, { local_channel_map: sessions }: ServerConnection, limits: AmqpLimits) {
  const { name, handle } = performative;
  if (typeof name !== "string" || name.length > nameLengthMax) return malformed(`a link's name has at most ${nameLengthMax} characters`);
  if (!isUint(handle) || handle > handleMax) return malformed(`a handle is at most ${handleMax}`);
  let links = 0;
  for (const session of Object.values(sessions)) links += Object.keys(session.links).length;
  if (links < linksPerLinkMax * limits.linksMax) return undefined;
  return { condition: "amqp:resource-limit-exceeded", description: `a connection may have ${limits.linksMax} links` };
}

function checkFlow({ performative }: Frame): AmqpEnd | undefined {
  const fields = performative as Record<string, unknown>;
  // Absent while the client has not seen our begin or attach: our numbers begin at 0.
  for (const name of ["next_incoming_id", ...(isAbsent(fields["handle"]) ? [] : ["delivery_count", "link_credit"])]) {
    if (isAbsent(fields[name])) fields[name] = 0;
    else if (!isUint(fields[name])) return malformed(`${name} is no uint`);
  }
  return isUint(fields["incoming_window"]) ? undefined : malformed("incoming-window is no uint");
}

const outcomeCodeMin = 0x23;
const outcomeCodeMax = 0x27;
/** The position of a disposition's state among its fields. */
const stateField = 4;
const outcomePattern = /^amqp:(received|accepted|rejected|released|modified):list$/;

function checkDisposition({ performative }: Frame, limits: AmqpLimits): AmqpEnd | "ignore" | undefined {
  const { role, first, last, state } = performative;
  // About what the client sent: it may send nothing.
  if (role !== true) return "ignore";
  const end = isAbsent(last) ? first : last;
  if (!isUint(first) || !isUint(end)) return malformed("a disposition names no deliveries");
  if (end - first >= limits.dispositionRangeMax) {
    return { condition: "amqp:resource-limit-exceeded", description: `a disposition may name ${limits.dispositionRangeMax} deliveries` };
  }
  const { descriptor, value } = (state ?? { value: null }) as {
    readonly descriptor?: { readonly value?: unknown };
    readonly value?: unknown;
  };
  if (descriptor === undefined && value === null) {
    // The library takes a null for an outcome that it does not know, and prints it.
    (performative["value"] as unknown[])[stateField] = undefined;
    return undefined;
  }
  const code = descriptor?.value;
  const known = typeof code === "number" ? code >= outcomeCodeMin && code <= outcomeCodeMax : outcomePattern.test(String(code));
  return known ? undefined : { condition: "amqp:not-implemented", description: "this delivery state is not known here" };
}
