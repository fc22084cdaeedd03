// The ways in which a shadow can be changed, as one: each says a change and what became of it.
import { readFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { isJsonObject, type JsonObject, type JsonValue, PlatformError } from "@mooring/contracts";
import { pause } from "@mooring/kit";
import type { TestDevice } from "../e2e/harness/devices.ts";
import { connectPublic, nobody } from "../e2e/harness/grpc.ts";
import { type Heard, StormConnection } from "./storm-connection.ts";

export interface StormChange {
  /** No other change has it. */
  readonly token: string;
  readonly desired?: JsonValue;
  readonly reported?: JsonValue;
  readonly expected?: number;
}

/** `version` is the one that was made, or the one that the shadow has. */
export type StormOutcome =
  | { readonly kind: "accepted" | "conflict"; readonly version: number }
  /** Nothing was said to the platform. */
  | { readonly kind: "not sent" }
  | { readonly kind: "unknown" };

export interface StormDoor {
  readonly name: string;
  /** Only a device may write what is reported. */
  readonly byDevice: boolean;
  say(change: StormChange): Promise<StormOutcome>;
  stop(): Promise<void>;
}

const unknown: StormOutcome = { kind: "unknown" };
const answerMsMax = 8_000;

export function openDoors(device: TestDevice): readonly StormDoor[] {
  return [mqttDoor(device, "native"), mqttDoor(device, "aws"), alibabaDoor(device), httpsDoor(device), restDoor(device), grpcDoor(device)];
}

function stateOf({ desired, reported }: StormChange): JsonObject {
  return { ...(desired === undefined ? {} : { desired }), ...(reported === undefined ? {} : { reported }) };
}

/** A version in what came; whoever answers without one has broken the format. */
function versionIn(body: JsonValue | undefined): number {
  const version = isJsonObject(body) ? body["version"] : undefined;
  if (typeof version !== "number") throw new Error(`an answer has no version: ${JSON.stringify(body)}`);
  return version;
}

function mqttDoor(device: TestDevice, dialect: "native" | "aws"): StormDoor {
  const { productKey, deviceName } = device;
  const prefix = dialect === "native" ? `/sys/${productKey}/${deviceName}/shadow` : `$aws/things/${productKey}.${deviceName}/shadow`;
  const filters = [`${prefix}/update/accepted`, `${prefix}/update/rejected`];
  const connection = new StormConnection({ device, clientId: `storm-${dialect}`, filters });
  return {
    name: `${dialect} MQTT`,
    byDevice: true,
    async say(change) {
      const { token, expected } = change;
      const payload = { state: stateOf(change), clientToken: token, ...(expected === undefined ? {} : { version: expected }) };
      const isAnswer = ({ topic, body }: Heard): boolean => filters.includes(topic) && body["clientToken"] === token;
      const heard = await connection.ask(`${prefix}/update`, payload, isAnswer);
      if (heard === "not sent") return { kind: "not sent" };
      if (heard === undefined) return unknown;
      if (heard.topic.endsWith("/accepted")) return { kind: "accepted", version: versionIn(heard.body) };
      if (heard.body["code"] !== 409) return unknown;
      // AWS's conflict does not say which version there is.
      return { kind: "conflict", version: dialect === "native" ? versionIn(heard.body["current"]) : 0 };
    },
    stop: async () => connection.stop(),
  };
}

/** Its replies name no request: one at a time is asked, and after a loss nothing until no reply to it can come any more. */
function alibabaDoor(device: TestDevice): StormDoor {
  const { productKey, deviceName } = device;
  const down = `/shadow/get/${productKey}/${deviceName}`;
  const connection = new StormConnection({ device, clientId: "storm-alibaba", filters: [down] });
  let turn: Promise<unknown> = Promise.resolve();
  const say = async (change: StormChange): Promise<StormOutcome> => {
    const wanted = change.expected === undefined ? undefined : change.expected + 1;
    const payload = { method: "update", state: stateOf(change), ...(wanted === undefined ? {} : { version: wanted }) };
    const isAnswer = ({ topic, body }: Heard): boolean => topic === down && body["method"] === "reply";
    const heard = await connection.ask(`/shadow/update/${productKey}/${deviceName}`, payload, isAnswer);
    if (heard === "not sent") return { kind: "not sent" };
    if (heard === undefined) {
      await pause(answerMsMax / 2);
      return unknown;
    }
    const { status, version, content } = heard.body["payload"] as JsonObject;
    if (status === "success" && (wanted === undefined || version === wanted))
      return { kind: "accepted", version: versionIn(heard.body["payload"]) };
    return isJsonObject(content) && content["errorcode"] === "409" ? { kind: "conflict", version: 0 } : unknown;
  };
  return {
    name: "Alibaba MQTT",
    byDevice: true,
    say(change) {
      const said = turn.then(() => say(change));
      turn = said;
      return said;
    },
    stop: async () => connection.stop(),
  };
}

function httpsDoor(device: TestDevice): StormDoor {
  const { platform, productKey, deviceName, certFile, keyFile } = device;
  const [ca, cert, key] = [platform.caFile, certFile, keyFile].map((file) => readFileSync(file));
  const agent = new Agent({ keepAlive: true, maxSockets: 8, ca, cert, key, checkServerIdentity: () => undefined });
  const url = `${platform.https}/sys/${productKey}/${deviceName}/shadow/update`;
  const post = (body: string): Promise<{ readonly status: number; readonly text: string }> =>
    new Promise((resolve, reject) => {
      const sent = request(url, { method: "POST", agent, timeout: answerMsMax }, (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text })).on("error", reject);
      });
      sent.on("timeout", () => sent.destroy(new Error("no answer in time"))).on("error", reject);
      sent.end(body);
    });
  return {
    name: "HTTPS",
    byDevice: true,
    async say(change) {
      const { token, expected } = change;
      const payload = { state: stateOf(change), clientToken: token, ...(expected === undefined ? {} : { version: expected }) };
      const answer = await post(JSON.stringify(payload)).catch(() => undefined);
      if (answer?.status === 200) return { kind: "accepted", version: versionIn(JSON.parse(answer.text) as JsonValue) };
      if (answer?.status !== 409) return unknown;
      return { kind: "conflict", version: versionIn((JSON.parse(answer.text) as JsonObject)["current"]) };
    },
    stop: async () => agent.destroy(),
  };
}

function restDoor({ platform, path }: TestDevice): StormDoor {
  return {
    name: "REST",
    byDevice: false,
    async say({ token, desired, expected }) {
      const body = { desired: desired ?? null, clientToken: token, ...(expected === undefined ? {} : { version: expected }) };
      const asked = platform.api(`${path}/shadow`, { method: "PATCH", body });
      const answer = await asked.catch(() => undefined);
      if (answer?.status === 200) return { kind: "accepted", version: versionIn(answer.body) };
      if (answer?.status !== 409 || !isJsonObject(answer.body) || answer.body["code"] !== "versionConflict") return unknown;
      return { kind: "conflict", version: versionIn(answer.body["current"]) };
    },
    stop: async () => undefined,
  };
}

function grpcDoor({ platform, productKey, deviceName }: TestDevice): StormDoor {
  const shadow = connectPublic(platform, "shadow");
  return {
    name: "gRPC",
    byDevice: false,
    async say({ token, desired, expected }) {
      try {
        const condition = expected === undefined ? {} : { expectedVersion: expected };
        const change = { productKey, deviceName, desired: desired ?? null, clientToken: token, ...condition };
        return { kind: "accepted", version: (await shadow.update(nobody, change)).version };
      } catch (error) {
        if (!(error instanceof PlatformError) || error.code !== "versionConflict") return unknown;
        return { kind: "conflict", version: versionIn(error.details.current) };
      }
    },
    stop: () => shadow.stop(),
  };
}
