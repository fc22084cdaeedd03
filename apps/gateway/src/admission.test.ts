import { expect, test } from "vitest";
import { Admission } from "./admission.ts";

function setUp(connectionsMax: number, strangersPerAddressMax: number) {
  const refused: string[] = [];
  const rare = {
    onAuthFailure: () => undefined,
    onConnectionEnd: () => undefined,
    onConnectionFault: () => undefined,
    onConnectionRefused: (reason: string) => refused.push(reason),
  };
  return { admission: new Admission({ connectionsMax, strangersPerAddressMax }, rare), refused };
}

test("an address has a limited number of strangers; signed-on connections and other addresses do not count", () => {
  const { admission, refused } = setUp(100, 2);
  const [first, second] = [admission.enter("a"), admission.enter("a")];
  expect(admission.enter("a")).toBeUndefined();
  expect(admission.enter("b")).toBeDefined();
  first?.known();
  first?.known();
  expect(admission.enter("a")).toBeDefined();
  expect(admission.enter("a")).toBeUndefined();
  second?.leave();
  expect(admission.enter("a")).toBeDefined();
  expect(refused).toEqual(["addressLimit", "addressLimit"]);
});

test("a node has a limited number of connections, and a place that is left is free again, once", () => {
  const { admission, refused } = setUp(2, 10);
  const [first] = [admission.enter("a"), admission.enter("b")];
  expect(admission.enter("c")).toBeUndefined();
  first?.leave();
  first?.leave();
  expect(admission.enter("c")).toBeDefined();
  expect(admission.enter("c")).toBeUndefined();
  expect(refused).toEqual(["nodeLimit", "nodeLimit"]);
});
