// A gateway device says which devices it speaks for (wire formats §2.13).
//   add      params [{"productKey","deviceName","clientId"?,"timestamp"?,"signmethod","sign"}]: signed as at sign-on, with the sub-device's secret
//   delete   params [{"productKey","deviceName"}]
//   get      params {}                                                  -> data [{"productKey","deviceName"}]
import {
  type DownlinkTopicKind,
  type FieldIssue,
  formatTopic,
  isJsonObject,
  type JsonValue,
  PlatformError,
  pageSizeMax,
  type SecretProof,
  subDeviceProofsMax,
} from "@mooring/contracts";
import { secretProofOf } from "../auth/secret.ts";
import { type Envelope, parseEnvelope, refusalReply, replyWith } from "./alink.ts";
import type { DevicesForDevices } from "./requests.ts";
import type { Exchange, Reply } from "./shadow/exchange.ts";
import type { UplinkMessage } from "./uplink-message.ts";

export function topologyAddExchange(message: UplinkMessage, devices: Pick<DevicesForDevices, "proveSubDevices">): Exchange {
  const { envelope, entries, issue, reply } = open(message, "topologyAddReply");
  return {
    error: errorOf(issue),
    async run() {
      await devices.proveSubDevices(message.source.caller, { proofs: entries.map(proofOf) });
      return reply(() => replyWith(envelope.id, "thing.topo.add", {}));
    },
    refused: (error) => reply(() => refusalReply(envelope.id, "thing.topo.add", refusalOf(error))),
  };
}

export function topologyDeleteExchange(message: UplinkMessage, devices: Pick<DevicesForDevices, "removeSubDevice">): Exchange {
  const { envelope, entries, issue, reply } = open(message, "topologyDeleteReply");
  const { productKey, deviceName } = message.source.device;
  return {
    error: errorOf(issue),
    async run() {
      for (const { productKey: of = "", deviceName: name = "" } of entries) {
        await devices.removeSubDevice(message.source.caller, { productKey, deviceName, subDevice: { productKey: of, deviceName: name } });
      }
      return reply(() => replyWith(envelope.id, "thing.topo.delete", {}));
    },
    refused: (error) => reply(() => refusalReply(envelope.id, "thing.topo.delete", refusalOf(error))),
  };
}

export function topologyGetExchange(message: UplinkMessage, devices: Pick<DevicesForDevices, "listSubDevices">): Exchange {
  const { source } = message;
  const envelope = parseEnvelope(message.payload, "any");
  const reply = replies(message, envelope, "topologyGetReply");
  const { productKey, deviceName } = source.device;
  return {
    error: errorOf(envelope.issue),
    async run() {
      const data: JsonValue[] = [];
      let pageToken: string | undefined;
      do {
        const page = { pageSize: pageSizeMax, ...(pageToken === undefined ? {} : { pageToken }) };
        const found = await devices.listSubDevices(source.caller, { productKey, deviceName, ...page });
        data.push(...found.subDevices.map((one) => ({ productKey: one.productKey, deviceName: one.deviceName })));
        pageToken = found.nextPageToken;
      } while (pageToken !== undefined);
      return reply(() => replyWith(envelope.id, "thing.topo.get", data));
    },
    refused: (error) => reply(() => refusalReply(envelope.id, "thing.topo.get", refusalOf(error))),
  };
}

/** An entry's texts; numbers as well, since a timestamp may be one. */
type Entry = Readonly<Record<string, string>>;

interface Opened {
  readonly envelope: Envelope;
  readonly entries: readonly Entry[];
  readonly issue: FieldIssue | undefined;
  readonly reply: (body: () => string) => Reply | undefined;
}

function open(message: UplinkMessage, kind: DownlinkTopicKind): Opened {
  const envelope = parseEnvelope(message.payload, "any");
  const reply = replies(message, envelope, kind);
  const { params, issue } = envelope;
  if (issue !== undefined) return { envelope, entries: [], issue, reply };
  const list = Array.isArray(params) ? (params as readonly JsonValue[]) : [];
  if (list.length === 0 || list.length > subDeviceProofsMax) {
    return { envelope, entries: [], issue: issueAt("/params", `must be an array of 1 to ${subDeviceProofsMax} devices`), reply };
  }
  const wrong = list.findIndex((entry) => !isNamed(entry));
  if (wrong !== -1) {
    return { envelope, entries: [], issue: issueAt(`/params/${wrong}`, "must be an object with a productKey and a deviceName"), reply };
  }
  return { envelope, entries: list.map(textsOf), issue: undefined, reply };
}

function isNamed(entry: JsonValue): boolean {
  return isJsonObject(entry) && typeof entry["productKey"] === "string" && typeof entry["deviceName"] === "string";
}

function textsOf(entry: JsonValue): Entry {
  const members = isJsonObject(entry) ? Object.entries(entry) : [];
  return Object.fromEntries(
    members.flatMap(([name, value]) => (typeof value === "string" || typeof value === "number" ? [[name, String(value)]] : [])),
  );
}

/** What is signed holds the members there are; the method's name is `signmethod` in the documents and `signMethod` in some firmware. */
function proofOf(entry: Entry): SecretProof {
  const fields = new Map(Object.entries(entry));
  const method = entry["signmethod"] ?? entry["signMethod"];
  if (method !== undefined) fields.set("signmethod", method);
  return secretProofOf({ productKey: entry["productKey"] ?? "", deviceName: entry["deviceName"] ?? "" }, fields);
}

/** Who said `sys.ack: 0` hears nothing. */
function replies({ source }: UplinkMessage, { wantsReply }: Envelope, kind: DownlinkTopicKind) {
  return (body: () => string): Reply | undefined => (wantsReply ? { topic: formatTopic(kind, source.device), body } : undefined);
}

function errorOf(issue: FieldIssue | undefined): PlatformError | undefined {
  return issue === undefined ? undefined : new PlatformError("invalidArgument", issue.message, { issues: [issue] });
}

/** The devices service speaks of proofs; the device gave params. */
function refusalOf({ code, message, details }: PlatformError) {
  const issues = details.issues?.filter(({ pointer }) => pointer.startsWith("/params") || pointer === "/id") ?? [];
  return { code, message: message.replaceAll("/proofs", "/params"), issues };
}

function issueAt(pointer: string, rule: string): FieldIssue {
  return { pointer, message: `${pointer} ${rule}` };
}
