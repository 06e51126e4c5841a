#!/usr/bin/env bash
# Every test, from a bare clone: unit and integration tests of the crates and the console, then a
# real server driven by the stock clients and by a browser. Ends with non-zero at the first failure.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

step "Tools"
scripts/install-tools.sh test
venv=$(scripts/venv.sh)

step "Console: build and unit tests"
scripts/console.sh test

step "Compile the program and every test"
cargo build --workspace --all-targets

step "Models for tests"
scripts/models.sh

step "Rust tests"
cargo test --workspace

step "Stock clients: openai, tritonclient, onnxruntime, crashes"
(cd tests/clients && "$venv/bin/python" -m pytest)

step "KServe's clients"
"$(scripts/venv.sh "$ROOT/tests/kserve/requirements.txt")/bin/python" tests/kserve/check.py

step "Console in a browser"
"$venv/bin/python" tests/clients/cairn_server.py npm --prefix console run --silent e2e
step_end
note ""
note "All tests passed in $SECONDS s"
