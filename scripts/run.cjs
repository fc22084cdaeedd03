// The entry of every npm command. It must run on any Node, however old, to say so in one sentence: plain old JavaScript, no packages.
// Installs what is missing, then goes on with the Node that the project itself brings.
"use strict";
var childProcess = require("child_process");
var crypto = require("crypto");
var fs = require("fs");
var path = require("path");

var root = path.dirname(__dirname);
var nodeMajorMin = 20;
var bin = path.join(root, "node_modules", ".bin");
var stamp = path.join(root, "node_modules", ".mooring-installed");

var commands = {
  // On a machine with much memory the young generation would grow to 128 MB, and stay; with this it collects no more often than elsewhere.
  start: [["node", "--max-semi-space-size=16", "apps/all-in-one/src/main.ts"]],
  check: [
    ["turbo", "run", "types", "lint", "idl", "generated", "--output-logs=new-only"],
    ["turbo", "boundaries"],
  ],
  unit: [["vitest", "run", "--project", "unit"]],
  conformance: [["vitest", "run", "--project", "conformance"]],
  e2e: [["vitest", "run", "--project", "e2e-all-in-one", "--project", "e2e-split"]],
  generate: [["node", "scripts/generate.ts"]],
  bench: [["node", "bench/run.ts"]],
  fuzz: [["node", "packages/mqtt/bench/fuzz.ts"]],
  faults: [["node", "test/faults/run.ts"]],
  "dev:split": [["node", "test/e2e/harness/dev-split.ts"]],
};
commands.test = commands.check.concat([["node", "packages/testkit/src/fetch-tools.ts"]], commands.unit, commands.e2e, commands.conformance);

function fail(sentence) {
  process.stderr.write(sentence + "\n");
  process.exit(1);
}

function checkNode() {
  var major = Number(process.versions.node.split(".")[0]);
  if (!(major >= nodeMajorMin)) {
    fail(
      "Mooring needs Node " +
        nodeMajorMin +
        " or newer to install itself; this is Node " +
        process.versions.node +
        ". Get a newer one from https://nodejs.org and run the command again.",
    );
  }
}

function installedFor() {
  try {
    return fs.readFileSync(stamp, "utf8");
  } catch (error) {
    return "";
  }
}

/** npm ci when the lock file is not the one that was installed. */
function install() {
  var lock = crypto
    .createHash("sha256")
    .update(fs.readFileSync(path.join(root, "package-lock.json")))
    .digest("hex");
  if (installedFor() === lock && fs.existsSync(path.join(bin, "node"))) return;
  process.stderr.write("Installing what Mooring needs (npm ci); this happens once.\n");
  var npm = process.env.npm_execpath ? [process.execPath, process.env.npm_execpath] : ["npm"];
  var args = npm.slice(1).concat(["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
  var result = childProcess.spawnSync(npm[0], args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.status !== 0) fail("npm ci failed; its own message is above. Mooring needs the npm registry once, to install itself.");
  fs.writeFileSync(stamp, lock);
}

/** The Node the project brings; its install script may have been forbidden. */
function assertOwnNode() {
  var result = childProcess.spawnSync(path.join(bin, "node"), ["--version"], { encoding: "utf8" });
  var major = Number((result.stdout || "v0").slice(1).split(".")[0]);
  if (!(major >= 24)) fail("The Node 24 that Mooring brings did not install. Run: npm rebuild node");
}

function environment() {
  var env = {};
  for (var name in process.env) env[name] = process.env[name];
  env.PATH = bin + path.delimiter + (process.env.PATH || "");
  env.TURBO_TELEMETRY_DISABLED = "1";
  env.DO_NOT_TRACK = "1";
  env.CHECKPOINT_DISABLE = "1";
  // What Node has compiled, TypeScript above all, it need not compile again.
  env.NODE_COMPILE_CACHE = env.NODE_COMPILE_CACHE || path.join(root, "node_modules", ".cache", "node-compile");
  return env;
}

/** Runs one command to its end; Ctrl-C reaches it by the terminal, other signals by us, and its exit code becomes ours. */
function run(list, extra) {
  var command = list[0];
  if (command === undefined) return;
  var last = list.length === 1;
  var child = childProcess.spawn(path.join(bin, command[0]), command.slice(1).concat(last ? extra : []), {
    cwd: root,
    env: environment(),
    stdio: "inherit",
  });
  var forward = (signal) => {
    child.kill(signal);
  };
  var ignore = () => {};
  process.on("SIGINT", ignore);
  process.on("SIGTERM", forward);
  child.on("error", (error) => {
    fail("could not run " + command[0] + ": " + error.message);
  });
  child.on("exit", (code, signal) => {
    process.removeListener("SIGINT", ignore);
    process.removeListener("SIGTERM", forward);
    if (code !== 0) process.exit(code === null ? (signal === "SIGINT" ? 130 : 1) : code);
    run(list.slice(1), extra);
  });
}

checkNode();
var name = process.argv[2];
if (!Object.hasOwn(commands, name)) fail("usage: node scripts/run.cjs " + Object.keys(commands).join("|"));
install();
assertOwnNode();
run(commands[name], process.argv.slice(3));
