import { expect, test } from "vitest";
import { findAccount } from "./account.ts";

const nobody = "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin";

test("the account for Postgres is postgres where there is one, otherwise nobody", () => {
  expect(findAccount(`root:x:0:0::/root:/bin/sh\n${nobody}\npostgres:x:101:104::/:/bin/sh\n`)).toEqual({ uid: 101, gid: 104 });
  expect(findAccount(`root:x:0:0::/root:/bin/sh\n${nobody}\n`)).toEqual({ uid: 65534, gid: 65534 });
});

test("an account with root's id, or a line that is none, is not taken", () => {
  expect(findAccount("postgres:x:0:0::/:/bin/sh\nnobody\n\n")).toBeUndefined();
});
