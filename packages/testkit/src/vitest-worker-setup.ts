// Vitest's setup of each test file.
import fc from "fast-check";
import { testSeed } from "./seed.ts";

// A property that names no seed of its own begins here.
fc.configureGlobal({ seed: testSeed });
