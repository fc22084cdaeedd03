import { lookup, Resolver } from "node:dns/promises";

/** All addresses of a name, now. Rejects when there are none. */
export type Resolve = (hostname: string) => Promise<readonly string[]>;

const timeoutMs = 2_000;
const tries = 2;

/**
 * Asks the name servers, and not the system's resolver: that one runs on the four threads of this process that also open files and make keys,
 * and names that subscribers choose may be slow on purpose. `inside`: a name that DNS does not know is looked for in the machine's files too.
 */
export function createResolve(inside: boolean): Resolve {
  const resolver = new Resolver({ timeout: timeoutMs, tries });
  return async (hostname) => {
    const answers = await Promise.allSettled([resolver.resolve4(hostname), resolver.resolve6(hostname)]);
    const addresses = answers.flatMap((answer) => (answer.status === "fulfilled" ? answer.value : []));
    if (addresses.length > 0) return addresses;
    if (inside) return (await lookup(hostname, { all: true })).map(({ address }) => address);
    throw new Error("the name has no address");
  };
}
