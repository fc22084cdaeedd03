import fc from "fast-check";
import { expect, test } from "vitest";
import { offsetIn, Slab } from "./slab.ts";

/** A piece, or the release of one of those that there are. */
type Step = { readonly bytes: number } | { readonly free: number };

const noMove = (): void => undefined;

const bytes = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 40_000 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: bytes.map((size) => ({ bytes: size })) },
  { weight: 2, arbitrary: fc.nat().map((free) => ({ free })) },
);

test("what is written in a piece stays there until it is freed, whatever comes and goes beside it", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const held = new Map<number, { address: number; readonly content: Buffer }>();
      const slab = new Slab((owner, address) => {
        (held.get(owner) as { address: number }).address = address;
      });
      let serial = 0;
      for (const one of steps) {
        if ("bytes" in one) {
          const content = Buffer.alloc(one.bytes, `${++serial}.`);
          const address = slab.allocate(one.bytes, serial);
          const page = slab.page(address);
          content.copy(page.buffer, offsetIn(page, address));
          held.set(serial, { address, content });
        } else if (held.size > 0) {
          const owner = [...held.keys()][one.free % held.size] as number;
          const { address = 0 } = held.get(owner) ?? {};
          held.delete(owner);
          slab.free(address);
        }
        for (const { address, content } of held.values()) {
          const page = slab.page(address);
          const from = offsetIn(page, address);
          expect(page.buffer.subarray(from, from + content.length).equals(content)).toBe(true);
        }
      }
    }),
    { numRuns: 60 },
  );
});

test("addresses are never 0, and begin at a word", () => {
  const slab = new Slab(noMove);
  for (let size = 1; size < 20_000; size += 7) {
    const address = slab.allocate(size, 1);
    expect(address).not.toBe(0);
    expect(offsetIn(slab.page(address), address) % 4).toBe(0);
  }
});

test("memory is given back: a thousand pieces of which none is left cost no more than one page", () => {
  const slab = new Slab(noMove);
  for (const size of [100, 20_000]) {
    const addresses = Array.from({ length: 1_000 }, () => slab.allocate(size, 1));
    expect(slab.bytes).toBeGreaterThanOrEqual(1_000 * size);
    for (const address of addresses) slab.free(address);
  }
  expect(slab.bytes).toBeLessThanOrEqual(65_536);
});

test("a first piece costs a few cells", () => {
  const slab = new Slab(noMove);
  slab.allocate(90, 1);
  expect(slab.bytes).toBeLessThanOrEqual(512);
});

test("a page is not kept for one piece: what is left of a hundred per page, of each size, costs little more than itself", () => {
  const contents = new Map<number, number>();
  const slab = new Slab((owner, address) => contents.set(owner, address));
  const sizes = [16, 100, 128, 200, 1_000, 5_000, 16_384];
  let [owner, left] = [0, 0];
  for (const size of sizes) {
    const perPage = Math.floor(65_536 / size);
    const from = owner + 1;
    for (let count = 0; count < 20 * perPage; count++) {
      const address = slab.allocate(size, ++owner);
      slab.page(address).buffer.writeUInt32LE(owner, offsetIn(slab.page(address), address));
      contents.set(owner, address);
    }
    for (let one = from; one <= owner; one++) {
      if ((one - from) % perPage === 0) left += size;
      else {
        slab.free(contents.get(one) as number);
        contents.delete(one);
      }
    }
  }
  for (const [one, address] of contents) expect(slab.page(address).buffer.readUInt32LE(offsetIn(slab.page(address), address))).toBe(one);
  // A page of each size, and of the rest a quarter is used at least.
  expect(slab.bytes).toBeLessThanOrEqual(sizes.length * 65_536 + 4 * left);
});
