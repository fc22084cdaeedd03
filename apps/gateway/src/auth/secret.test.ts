import { createHmac } from "node:crypto";
import { describe, expect, test } from "vitest";
import { claimedByToken, parseClientId, parseUsername, readOffer } from "./secret.ts";

const password = Buffer.from("ab12");
const offer = (clientId: string, username: string | null = "device&pk", transport: "tls" | "tcp" = "tls") =>
  readOffer(parseClientId(clientId), username, password, transport);

describe("sign-on with a device secret (wire formats §2.2)", () => {
  test("the content is key and value of what is signed, keys sorted; client id and time may be left out", () => {
    const clientId = parseClientId("12345|securemode=2,signmethod=hmacsha1,timestamp=789|");
    expect(clientId.id).toBe("12345");
    expect(readOffer(clientId, "device&pk", password, "tls")).toEqual({
      kind: "secret",
      proof: {
        productKey: "pk",
        deviceName: "device",
        signMethod: "hmacsha1",
        content: "clientId12345deviceNamedeviceproductKeypktimestamp789",
        otherContents: [
          "clientId12345deviceNamedeviceproductKeypk",
          "deviceNamedeviceproductKeypktimestamp789",
          "deviceNamedeviceproductKeypk",
        ],
        signature: "ab12",
      },
    });
  });

  test("the example of the document, signed: the vector that openssl gives", () => {
    // printf clientId12345deviceNamedeviceproductKeypktimestamp789 | openssl dgst -sha256 -hmac secret
    const known = "6074a46a91b1ebb2cc4ea42790ad0e80202c9843859fc292e57c4eb19fad9e57";
    const read = offer("12345|securemode=2,signmethod=hmacsha256,timestamp=789|");
    const content = read?.kind === "secret" ? read.proof.content : "";
    expect(createHmac("sha256", "secret").update(content).digest("hex")).toBe(known);
  });

  test("the flags may stand in any order, with others that say nothing", () => {
    // As Alibaba's device SDK 4 and 3 write them.
    for (const flags of [
      "timestamp=2524608000000,_ss=1,_v=sdk-c-4.0.0,securemode=2,signmethod=hmacsha256,ext=3,",
      "securemode=2,timestamp=2524608000000,signmethod=hmacsha256,gw=0,ext=0,_v=sdk-c-3.2.0,lan=C,instanceId=iot-x",
    ]) {
      expect(offer(`a.b|${flags}|`)).toMatchObject({
        kind: "secret",
        proof: { signMethod: "hmacsha256", content: "clientIda.bdeviceNamedeviceproductKeypktimestamp2524608000000" },
      });
    }
  });

  test("no method means hmacmd5", () => {
    expect(offer("1|securemode=2|")).toMatchObject({ kind: "secret", proof: { signMethod: "hmacmd5" } });
  });

  test.each([
    ["a plain client id", "12345", "d&pk", "tls"],
    ["no mode", "1|signmethod=hmacsha256|", "d&pk", "tls"],
    ["the mode of the other transport", "1|securemode=3,signmethod=hmacsha256|", "d&pk", "tls"],
    ["the mode of the other transport", "1|securemode=2,signmethod=hmacsha256|", "d&pk", "tcp"],
    ["a username that names no device", "1|securemode=2,signmethod=hmacsha256|", "d", "tls"],
    ["no username", "1|securemode=2,signmethod=hmacsha256|", null, "tls"],
    ["a registration in no mode", "1|authType=register,random=1|", "d&pk", "tls"],
  ] as const)("%s is no such sign-on", (_what, clientId, username, transport) => {
    expect(offer(clientId, username, transport)).toBeUndefined();
  });

  test("without a password there is no proof", () => {
    expect(readOffer(parseClientId("1|securemode=2,signmethod=hmacsha256|"), "d&pk", null, "tls")).toBeUndefined();
  });

  test("a username is taken apart at its last &", () => {
    expect(parseUsername("a&b&c")).toEqual({ deviceName: "a&b", productKey: "c" });
    for (const other of ["abc", "abc&", "?SDK=JavaScript&Version=2.2.16"]) expect(parseUsername(other)).toBeUndefined();
  });
});

describe("the other forms (wire formats §2.3)", () => {
  test.each(["register", "regnwl"])("registration by %s", (way) => {
    for (const mode of ["2", "-2"]) {
      const read = offer(`device.pk|random=77,authType=${way},securemode=${mode},signmethod=hmacsha256,instanceId=x|`);
      expect(read).toEqual({
        kind: "registration",
        proof: { productKey: "pk", deviceName: "device", way, signMethod: "hmacsha256", random: "77", signature: "ab12" },
      });
    }
  });

  test("a token, under the client id it was given to", () => {
    expect(offer("c0ffee|securemode=-2,authType=connwl,_v=x|")).toEqual({
      kind: "token",
      proof: { productKey: "pk", deviceName: "device", clientId: "c0ffee", token: "ab12" },
    });
  });

  test("a JSON Web Token, whatever the client id and user name are", () => {
    const jwt = "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiJ4In0.AAAA";
    expect(readOffer(parseClientId("x"), null, Buffer.from(jwt), "tls")).toEqual({ kind: "jwt", jwt });
    expect(readOffer(parseClientId("x"), null, Buffer.from(`eyJ${"a".repeat(5_000)}.b.c`), "tls")).toBeUndefined();
  });
});

describe("whom a JSON Web Token names", () => {
  const named = (claims: unknown, head = "eyJhbGciOiJFUzI1NiJ9"): ReturnType<typeof claimedByToken> =>
    claimedByToken(Buffer.from(`${head}.${Buffer.from(JSON.stringify(claims) ?? "").toString("base64url")}.AAAA`));

  test("the subject, or the subject and the audience", () => {
    const device = { productKey: "pk", deviceName: "dev-1" };
    expect(named({ sub: "dev-1&pk", aud: "other" })).toEqual(device);
    expect(named({ sub: "dev-1", aud: "pk" })).toEqual(device);
  });

  test.each([
    ["no token", claimedByToken(Buffer.from("secret"))],
    ["nothing", claimedByToken(null)],
    ["something huge", claimedByToken(Buffer.from(`eyJ.${"a".repeat(5_000)}.a`))],
    ["no JSON", claimedByToken(Buffer.from("eyJh.e30x.AA"))],
    ["null", named(null)],
    ["no subject", named({ aud: "pk" })],
    ["a subject that is no text", named({ sub: 7, aud: "pk" })],
    ["several audiences", named({ sub: "dev-1", aud: ["pk", "x"] })],
    ["no audience", named({ sub: "dev-1", aud: "" })],
  ])("nobody: %s", (_, device) => {
    expect(device).toBeUndefined();
  });
});
