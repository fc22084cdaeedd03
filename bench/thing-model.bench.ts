import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type CompiledModel, checkModel } from "@mooring/thing-model";
import { type Benchmark, type BenchmarkOptions, type Findings, figure, table } from "./benchmark.ts";

const number = (unit: string, minimum: number, maximum: number) => ({ type: "number", unit, minimum, maximum });

/** A payload as devices send it, and the model of who sends it. */
interface Subject {
  readonly name: string;
  readonly model: object;
  readonly params: object;
}

const flat: Subject = {
  name: "ten numbers with ranges",
  model: { sdfObject: { Meter: { sdfProperty: Object.fromEntries(letters(10).map((name) => [name, number("V", -1_000, 1_000)])) } } },
  params: Object.fromEntries(letters(10).map((name, index) => [name, 229.25 + index])),
};

/** What an IPSO temperature (object 3303) reports, with the alarm as a choice. */
const temperature: Subject = {
  name: "IPSO temperature with a choice",
  model: {
    sdfObject: {
      Temperature: {
        sdfProperty: {
          Sensor_Value: number("Cel", -50, 150),
          Min_Measured_Value: number("Cel", -50, 150),
          Max_Measured_Value: number("Cel", -50, 150),
          Sensor_Units: { type: "string", maxLength: 16 },
          Measurement_Quality: {
            sdfChoice: { unchecked: { const: 0 }, rejected: { const: 1 }, suspicious: { const: 3 }, good: { const: 4 } },
          },
          Alarm: { sdfChoice: { none: {}, low: {}, high: {} } },
        },
      },
    },
  },
  params: {
    Sensor_Value: { value: 21.5, time: 1_766_000_000_000 },
    Min_Measured_Value: 18.25,
    Max_Measured_Value: 24.75,
    Sensor_Units: "Cel",
    Measurement_Quality: 4,
    Alarm: "none",
  },
};

const point = {
  type: "object",
  required: ["lat", "lon"],
  properties: { lat: number("lat", -90, 90), lon: number("lon", -180, 180), name: { type: "string" } },
};
const nested: Subject = {
  name: "Alink structure and array",
  model: {
    sdfObject: {
      Tracker: {
        sdfProperty: {
          Position: point,
          Track: { type: "array", maxItems: 128, items: point },
          Cells: { type: "array", items: { type: "integer", minimum: 0, maximum: 65_535 } },
        },
      },
    },
  },
  params: {
    Position: { lat: 52.3731, lon: 4.8922, name: "Amsterdam" },
    Track: letters(12).map((name, index) => ({ lat: 52.3 + index / 10, lon: 4.8 + index / 10, name })),
    Cells: letters(20).map((_, index) => 3_000 + index),
  },
};

export const benchmark: Benchmark = {
  title: "Thing models: validation beside JSON.parse, compiling, memory",
  async run(options) {
    const rows = [flat, temperature, nested].map((subject) => measureValidation(subject, options));
    const compile = measureCompile(options);
    const memory = measureMemory();
    return present(rows, compile, memory);
  },
};

interface Validation {
  readonly name: string;
  readonly bytes: number;
  readonly parseMicros: number;
  readonly validateMicros: number;
}

/** Both in turns, the least of many rounds of each: what else the machine does only ever adds. */
function measureValidation({ name, model, params }: Subject, { quick }: BenchmarkOptions): Validation {
  const compiled = compile(model);
  const text = JSON.stringify(params);
  const payloads = Array.from({ length: 64 }, () => JSON.parse(text) as object);
  const bad = { ...params, [Object.keys(params)[0] ?? ""]: "no number" };
  if (compiled.validateProperties(params).length !== 0) throw new Error(`${name}: the sound payload is refused`);
  if (compiled.validateProperties(bad).length !== 1) throw new Error(`${name}: a wrong payload is taken`);
  let found = 0;
  const parse = () => {
    found += Object.keys(JSON.parse(text) as object).length;
  };
  const validate = (index: number) => {
    found += compiled.validateProperties(payloads[index & 63]).length;
  };
  let [parseMicros, validateMicros] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < (quick ? 10 : 60); round += 1) {
    parseMicros = Math.min(parseMicros, cpuMicros(20_000, parse));
    validateMicros = Math.min(validateMicros, cpuMicros(20_000, validate));
  }
  if (found === 0) throw new Error("nothing was parsed");
  return { name, bytes: text.length, parseMicros, validateMicros };
}

/** A model of 30 properties, 5 events and 5 services: about what a thermostat has. `seed` makes one differ from another. */
function household(seed: number): string {
  const properties = Object.fromEntries(
    letters(30).map((name, index) => [`${name}_${seed}`, { label: `Value ${index}`, ...number("Cel", -40, 100 + seed) }]),
  );
  const output = { type: "object", properties: { code: { type: "integer" }, text: { type: "string", pattern: "^[A-Z]{2}[0-9]+$" } } };
  const events = Object.fromEntries(letters(5).map((name) => [`event_${name}`, { sdfOutputData: output }]));
  const actions = Object.fromEntries(letters(5).map((name) => [`do_${name}`, { sdfInputData: output, sdfOutputData: output }]));
  return JSON.stringify({ sdfObject: { Thermostat: { sdfProperty: properties, sdfEvent: events, sdfAction: actions } } });
}

function measureCompile({ quick }: BenchmarkOptions): { readonly bytes: number; readonly micros: number } {
  const text = household(1);
  let micros = Number.POSITIVE_INFINITY;
  for (let round = 0; round < (quick ? 5 : 30); round += 1)
    micros = Math.min(
      micros,
      cpuMicros(50, () => compile(text)),
    );
  return { bytes: text.length, micros };
}

function measureMemory(): { readonly models: number; readonly bytes: number } {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  const before = process.memoryUsage();
  const kept = Array.from({ length: 1_000 }, (_, seed) => compile(household(seed)));
  collect();
  const after = process.memoryUsage();
  if (new Set(kept.map((model) => model.contentHash)).size !== 1_000) throw new Error("the models are not a thousand different ones");
  return { models: kept.length, bytes: after.heapUsed + after.external - before.heapUsed - before.external };
}

function compile(document: object | string): CompiledModel {
  const { model, findings } = checkModel(typeof document === "string" ? document : JSON.stringify(document));
  if (model === undefined) throw new Error(`the model does not compile: ${JSON.stringify(findings[0])}`);
  return model;
}

function cpuMicros(times: number, work: (index: number) => void): number {
  const before = process.cpuUsage();
  for (let index = 0; index < times; index += 1) work(index);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / times;
}

function letters(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `value${String.fromCharCode(65 + (index % 26))}${index}`);
}

function present(
  rows: readonly Validation[],
  compiled: { bytes: number; micros: number },
  memory: { models: number; bytes: number },
): Findings {
  const validation = table(
    ["payload", "bytes", "JSON.parse, µs", "validation, µs", "ratio (at most 0.4)"],
    rows.map((row) => [
      row.name,
      figure(row.bytes),
      figure(row.parseMicros),
      figure(row.validateMicros),
      figure(row.validateMicros / row.parseMicros),
    ]),
  );
  const markdown = [
    "CPU time, the least of the rounds; both in the same process, in turns.",
    validation,
    `Compiling a model of 40 members (${figure(compiled.bytes)} bytes of SDF, from the text): ${figure(compiled.micros / 1_000)} ms of CPU (at most 2). ` +
      `${figure(memory.models)} such models in memory: ${figure(memory.bytes / 1e6)} MB (at most 100).`,
  ].join("\n\n");
  return { data: { validation: rows.map((row) => ({ ...row })), compile: { ...compiled }, memory: { ...memory } }, markdown };
}
