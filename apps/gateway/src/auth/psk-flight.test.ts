import { describe, expect, test } from "vitest";
import { PskFlight } from "./psk-flight.ts";

const record = (type: number, body: Buffer): Buffer => Buffer.concat([Buffer.of(type, 3, 3, body.length >> 8, body.length & 0xff), body]);
const message = (type: number, body: Buffer): Buffer => Buffer.concat([Buffer.of(type, 0, body.length >> 8, body.length & 0xff), body]);
const keyExchange = (identity: string, rest = Buffer.alloc(0)): Buffer => {
  const bytes = Buffer.from(identity);
  return message(16, Buffer.concat([Buffer.of(bytes.length >> 8, bytes.length & 0xff), bytes, rest]));
};
const hello = record(22, message(1, Buffer.alloc(300, 7)));

describe("the identity in a handshake with a pre-shared key (RFC 4279)", () => {
  test.each([
    ["PSK", keyExchange("dev-1&pk01")],
    ["ECDHE_PSK, with a point behind it (RFC 5489 §2)", keyExchange("dev-1&pk01", Buffer.alloc(66, 4))],
  ])("%s: is read wherever the bytes are cut", (_what, exchange) => {
    const bytes = Buffer.concat([hello, record(22, exchange.subarray(0, 5)), record(22, exchange.subarray(5)), record(20, Buffer.of(1))]);
    for (let cut = 1; cut < bytes.length; cut++) {
      const flight = new PskFlight();
      const first = flight.push(bytes.subarray(0, cut));
      expect(first === "more" ? flight.push(bytes.subarray(cut)) : first).toEqual({ identity: "dev-1&pk01" });
    }
  });

  test.each([
    ["cipher change before a key", Buffer.concat([hello, record(20, Buffer.of(1))])],
    ["application data", record(23, Buffer.alloc(10))],
    ["another protocol", Buffer.from("GET / HTTP/1.1\r\n")],
    ["an empty identity", record(22, keyExchange(""))],
    ["an identity longer than OpenSSL takes", record(22, keyExchange("x".repeat(257)))],
    ["an identity that ends before its length", record(22, message(16, Buffer.of(0, 9, 1)))],
    ["a record that is too long", Buffer.of(22, 3, 3, 0xff, 0xff)],
  ])("%s is none", (_what, bytes) => {
    expect(new PskFlight().push(bytes)).toBe("broken");
  });

  test("a flight without an end is bounded", () => {
    const flight = new PskFlight();
    let step: unknown = "more";
    let sent = 0;
    while (step === "more" && sent < 1_000_000) {
      const bytes = record(22, message(11, Buffer.alloc(1_000)));
      step = flight.push(bytes);
      sent += bytes.length;
    }
    expect(step).toBe("broken");
    expect(sent).toBeLessThan(40_000);
  });
});
