#!/usr/bin/env bash
# Builds the console and the program: all that `make up` and `make demo` need.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
"$ROOT/scripts/console.sh"
cd "$ROOT"
if [ ! -x "$CAIRN_BIN" ]; then
    note "Compiling into $CARGO_TARGET_DIR. From nothing this takes long (llama.cpp, DataFusion); later builds take seconds."
fi
cargo build -p cairn
