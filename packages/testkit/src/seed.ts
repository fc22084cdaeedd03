/**
 * Where what is tried at random begins. The same in every run, so that a change is judged by what it changed and not by luck;
 * `MOORING_TEST_SEED=<number>` tries others.
 */
export const testSeed = Number(process.env["MOORING_TEST_SEED"] ?? 20_251_107);
