import fc from "fast-check";
import { expect, test } from "vitest";
import { offsetIn, Slab } from "./slab.ts";

/** A piece, or the release of one of those that there are. */
type Step = { readonly bytes: number } | { readonly free: number };

const bytes = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 40_000 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: bytes.map((size) => ({ bytes: size })) },
  { weight: 2, arbitrary: fc.nat().map((free) => ({ free })) },
);

test("what is written in a piece stays there until it is freed, whatever comes and goes beside it", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const slab = new Slab();
      const held: { readonly address: number; readonly content: Buffer }[] = [];
      let serial = 0;
      for (const one of steps) {
        if ("bytes" in one) {
          const content = Buffer.alloc(one.bytes, `${serial++}.`);
          const address = slab.allocate(one.bytes);
          const page = slab.page(address);
          content.copy(page.buffer, offsetIn(page, address));
          held.push({ address, content });
        } else if (held.length > 0) {
          const [{ address } = { address: 0 }] = held.splice(one.free % held.length, 1);
          slab.free(address);
        }
        for (const { address, content } of held) {
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
  const slab = new Slab();
  for (let size = 1; size < 20_000; size += 7) {
    const address = slab.allocate(size);
    expect(address).not.toBe(0);
    expect(offsetIn(slab.page(address), address) % 4).toBe(0);
  }
});

test("memory is given back: a thousand pieces of which none is left cost no more than one page", () => {
  const slab = new Slab();
  for (const size of [100, 20_000]) {
    const addresses = Array.from({ length: 1_000 }, () => slab.allocate(size));
    expect(slab.bytes).toBeGreaterThanOrEqual(1_000 * size);
    for (const address of addresses) slab.free(address);
  }
  expect(slab.bytes).toBeLessThanOrEqual(65_536);
});

test("a first piece costs a few cells", () => {
  const slab = new Slab();
  slab.allocate(90);
  expect(slab.bytes).toBeLessThanOrEqual(512);
});
