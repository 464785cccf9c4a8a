// Times one candidate inside WebAssembly: node wasm.mjs MODULE SNAPSHOT FLAGS
import { readFileSync } from "node:fs";

const [modulePath, snapshotPath, flags] = process.argv.slice(2);
const module = await WebAssembly.compile(readFileSync(modulePath));
// Nothing of WASI is called on the measured path.
const imports = {};
for (const { module: from, name } of WebAssembly.Module.imports(module)) (imports[from] ??= {})[name] = () => 52;
const { exports } = await WebAssembly.instantiate(module, imports);

function put(bytes) {
  const at = exports.room(bytes.length) >>> 0;
  new Uint8Array(exports.memory.buffer).set(bytes, at);
  return [at, bytes.length];
}

function nanos(work) {
  let calls = 1;
  const round = () => {
    const start = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) work(i);
    return Number(process.hrtime.bigint() - start) / calls;
  };
  while (round() * calls < 2e7) calls *= 2;
  return Array.from({ length: 11 }, round).sort((a, b) => a - b)[5];
}

const snapshot = put(readFileSync(snapshotPath));
const keys = Array.from({ length: 64 }, (_, i) => ((i * 7919) % flags)).map((n) => put(new TextEncoder().encode(`team-${n % 17}.flag-${n}`)));
for (const key of keys) if (exports.open_walk(...snapshot, ...key) === 0n) throw new Error("a flag was not found");
if (exports.open_walk(...snapshot, snapshot[0], 0) !== 1n) throw new Error("the snapshot did not open");
const open = nanos(() => exports.open_walk(...snapshot, snapshot[0], 0));
const first = nanos((i) => exports.open_walk(...snapshot, ...keys[i % 64]));
console.log(`| ${flags} | ${open.toFixed(1)} | ${first.toFixed(1)} |`);
