#!/usr/bin/env bash
# Builds the program and the benches with the features of the whole workspace, so that no dependency is
# compiled a second time, and runs the bench named by the arguments (all of them without one).
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"
cargo build --workspace --all-targets
exec "$CARGO_TARGET_DIR/debug/cairn-bench" "$@"
