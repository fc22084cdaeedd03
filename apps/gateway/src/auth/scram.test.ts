import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createChallenge, parseClientFirst, verifyProof } from "./scram.ts";

/** The example of RFC 7677 s3. */
const example = {
  clientFirst: "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
  ourNonce: "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
  salt: Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64"),
  serverFirst: "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
  clientFinal: "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
  serverFinal: "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
};

function keysOf(password: string) {
  const salted = pbkdf2Sync(password, example.salt, 4_096, 32, "sha256");
  const hmac = (text: string): Buffer => createHmac("sha256", salted).update(text).digest();
  return { storedKey: createHash("sha256").update(hmac("Client Key")).digest(), serverKey: hmac("Server Key") };
}

function challenge() {
  const first = parseClientFirst(Buffer.from(example.clientFirst));
  if (first === undefined) throw new Error("the example is none");
  return createChallenge(first, example.salt, 4_096, example.ourNonce);
}

describe("SCRAM-SHA-256", () => {
  test("gives what RFC 7677 s3 gives", () => {
    expect(challenge().first.user).toBe("user");
    expect(challenge().text).toBe(example.serverFirst);
    expect(verifyProof(challenge(), Buffer.from(example.clientFinal), keysOf("pencil"))?.toString()).toBe(example.serverFinal);
  });

  test.each([
    ["another password", example.clientFinal, "pencils"],
    ["another nonce", example.clientFinal.replace("k0,p", "k1,p"), "pencil"],
    ["another header than at first", example.clientFinal.replace("c=biws", "c=eSws"), "pencil"],
    ["a proof that is cut", example.clientFinal.slice(0, -8), "pencil"],
    ["no proof", "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0", "pencil"],
    ["nothing", "", "pencil"],
  ])("%s proves nothing", (_what, final, password) => {
    expect(verifyProof(challenge(), Buffer.from(final), keysOf(password))).toBeUndefined();
  });

  test.each([
    "",
    "n,,",
    "p=tls-unique,,n=user,r=abcdefgh",
    "n,,n=,r=abcdefgh",
    "n,,n=user,r=short",
    "n=user,r=abcdefgh",
    `n,,n=${"x".repeat(2_000)},r=abcdefgh`,
    "n,a=somebody,n=user,r=abcdefgh",
  ])("%j is no first message", (text) => {
    expect(parseClientFirst(Buffer.from(text))).toBeUndefined();
  });

  test("commas and equals signs of a name are taken back (RFC 5802 s5.1)", () => {
    expect(parseClientFirst(Buffer.from("y,a=a=2Cb=3Dc,n=a=2Cb=3Dc,r=abcdefgh"))).toMatchObject({
      user: "a,b=c",
      header: "y,a=a=2Cb=3Dc,",
    });
  });
});
