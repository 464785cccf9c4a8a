#!/usr/bin/env bash
# Sizes of the modules, and times inside WebAssembly (Node). A call from JavaScript alone is about 55 ns of each time.
set -euo pipefail
cd "$(dirname "$0")"
target=${CARGO_TARGET_DIR:-target}
snapshots=$(mktemp -d)
trap 'rm -r "$snapshots"' EXIT
cargo run -q --release -- write "$snapshots"
echo '| profile | candidate | bytes | flags | open, ns | open + first decision, ns |'
echo '|---|---|---|---|---|---|'
for profile in module module-s; do
  for candidate in "" zerovec zerocopy rkyv flatbuffers; do
    cargo build -q --lib --target wasm32-wasip1 --profile "$profile" --no-default-features --features "$candidate"
    module=$target/wasm32-wasip1/$profile/snapshot_format.wasm
    size=$(stat -c %s "$module")
    if [ -z "$candidate" ]; then
      echo "| $profile | nothing | $size | | | |"
      continue
    fi
    for flags in 10 1000 10000; do
      echo "| $profile | $candidate | $size $(node wasm.mjs "$module" "$snapshots/$candidate.$flags" "$flags")"
    done
  done
done
