// Times flagd's own evaluator for JavaScript:
//   node flagd.mjs --flags FILE.json --context FILE.json --flag KEY [--seconds S]
// Prints one JSON object: median nanoseconds of one evaluation and of all flags, and every flag's variant, so that whoever compares sees that both
// decide alike.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { nanos } from "./measure.mjs";

const require = createRequire(import.meta.url);
const { FlagdCore } = require("@openfeature/flagd-core");

// The library prints warnings with console.log; standard output holds nothing but the result.
console.log = console.error;

const silent = { error() {}, warn() {}, info() {}, debug() {} };

function main() {
  const { values } = parseArgs({
    options: { flags: { type: "string" }, context: { type: "string" }, flag: { type: "string" }, seconds: { type: "string", default: "6" } },
  });
  const seconds = Number(values.seconds);
  if (!values.flags || !values.context || !values.flag || !(seconds > 0)) {
    throw new Error("usage: node flagd.mjs --flags FILE.json --context FILE.json --flag KEY [--seconds S]");
  }
  const core = new FlagdCore(undefined, silent);
  core.setConfigurations(readFileSync(values.flags, "utf8"));
  const context = JSON.parse(readFileSync(values.context, "utf8"));
  const one = () => core.resolveStringEvaluation(values.flag, "", context, silent);
  const all = () => core.resolveAll(context, silent);

  const variants = Object.fromEntries(all().map(({ flagKey, variant }) => [flagKey, variant]));
  if (one().variant === undefined) throw new Error(`"${values.flag}" gives no variant: choose a flag that does`);
  const figures = {
    one_ns: nanos(one, seconds / 2),
    all_ns: nanos(all, seconds / 2),
    variants,
    node: process.version,
    version: require("@openfeature/flagd-core/package.json").version,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

try {
  main();
} catch (error) {
  console.error(`flagd.mjs: ${error.message}`);
  process.exitCode = 1;
}
