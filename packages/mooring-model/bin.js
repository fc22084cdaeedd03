#!/usr/bin/env node
// In the repository Node runs the source as it is; what is published has it in one file, since Node takes no TypeScript in node_modules.
import { existsSync } from "node:fs";

const source = new URL("../thing-model/src/bin.ts", import.meta.url);
await import(existsSync(source) ? source : new URL("./dist/bin.js", import.meta.url));
