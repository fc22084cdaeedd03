import { Prisma } from "@mooring/db";

/** Whether a write failed because a unique key is taken, through Prisma or in plain SQL (23505). */
export function isTaken(error: unknown): boolean {
  return hasCode(error, "P2002") || sqlStateOf(error) === "23505";
}

/** Whether a transaction could not begin, or not end in time, because there is more to do than the database keeps up with. */
export function isOverloaded(error: unknown): boolean {
  return hasCode(error, "P2028") || hasCode(error, "P2024") || sqlStateOf(error) === "55P03" || isWithoutConnection(error);
}

/** Of an error of the driver's: five characters. */
const sqlStateOf = (error: unknown): unknown => (error instanceof Error && "code" in error ? error.code : undefined);

/** The pool's own word for a wait that was too long. */
const isWithoutConnection = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("timeout exceeded when trying to connect");

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Prisma.PrismaClientKnownRequestError && error.code === code;
}
