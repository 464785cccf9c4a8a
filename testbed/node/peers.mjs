// Times DevCycle's own bucketing libraries:
//   node peers.mjs --config FILE.json --user FILE.json --flag KEY [--seconds S]
// Prints one JSON object: median nanoseconds of one decision of each kind. Fails when the libraries do not agree on the flag's value, so that no
// figure is ever taken of a library that does nothing.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual, parseArgs } from "node:util";
import { load, versions } from "./libraries.mjs";
import { nanos } from "./measure.mjs";

// The libraries print warnings with console.log; standard output holds nothing but the result.
console.log = console.error;

function options() {
  const { values } = parseArgs({
    options: { config: { type: "string" }, user: { type: "string" }, flag: { type: "string" }, seconds: { type: "string", default: "9" } },
  });
  const seconds = Number(values.seconds);
  if (!values.config || !values.user || !values.flag || !(seconds > 0)) {
    throw new Error("usage: node peers.mjs --config FILE.json --user FILE.json --flag KEY [--seconds S]");
  }
  return { ...values, seconds };
}

async function main() {
  const { config, user, flag, seconds } = options();
  const libraries = await load(readFileSync(config, "utf8"), JSON.parse(readFileSync(user, "utf8")));
  const [asOne, asAll, tsAll] = [libraries.asOne(flag), libraries.asAll(), libraries.tsAll()];

  const answers = [asOne.read(asOne.run()), asAll.read(asAll.run())[flag], tsAll.read(tsAll.run())[flag]];
  if (answers[0] === undefined) throw new Error(`the user gets no "${flag}": choose a flag that this user gets`);
  if (!answers.every((answer) => isDeepStrictEqual(answer, answers[0]))) {
    throw new Error(`the libraries disagree on "${flag}": ${JSON.stringify(answers)}: choose another flag or user`);
  }

  const share = seconds / 3;
  const figures = {
    as_one_flag_ns: nanos(asOne.run, share),
    as_all_ns: nanos(asAll.run, share),
    ts_all_ns: nanos(tsAll.run, share),
    node: process.version,
    versions,
  };
  process.stdout.write(`${JSON.stringify(figures)}\n`);
}

main().catch((error) => {
  console.error(`peers.mjs: ${error.message}`);
  process.exitCode = 1;
});
