import { Prisma } from "@mooring/db";

/** Whether a write failed because a unique key is taken. */
export function isTaken(error: unknown): boolean {
  return hasCode(error, "P2002");
}

/** Whether a transaction could not begin, or not end in time, because there is more to do than the database keeps up with. */
export function isOverloaded(error: unknown): boolean {
  return hasCode(error, "P2028") || hasCode(error, "P2024");
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === code;
}
