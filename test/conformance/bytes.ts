import type { ProtocolLevel } from "@mooring/mqtt";

/** Bytes from a line such as `30 05 "a/b" 78`: hex numbers, and strings in quotes, which get their two-byte length. */
export function bytesOf(line: string): Buffer {
  const parts = line.match(/"[^"]*"|[0-9a-f]{2}/g) ?? [];
  return Buffer.concat(
    parts.map((part) => {
      if (!part.startsWith('"')) return Buffer.from(part, "hex");
      const text = Buffer.from(part.slice(1, -1));
      return Buffer.concat([Buffer.from([text.length >> 8, text.length & 255]), text]);
    }),
  );
}

/** A packet from its first byte and its body, below 128 bytes, both as lines. */
export function packetOf(first: string, body: string): Buffer {
  const content = bytesOf(body);
  if (content.length > 127) throw new Error(`${content.length} bytes are too many for a length of one byte`);
  return Buffer.concat([bytesOf(first), Buffer.from([content.length]), content]);
}

/** A CONNECT with these flags and payload, whether they fit or not; keep-alive off, no properties. */
export function connectOf(level: ProtocolLevel, flags: string, payload: string): Buffer {
  const name = level === 3 ? "MQIsdp" : "MQTT";
  return packetOf("10", `"${name}" 0${level} ${flags} 00 00 ${level === 5 ? "00" : ""} ${payload}`);
}
