#!/usr/bin/env bash
# Everything a program can judge without running ours: format, lints, types, layering, deployment files.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

step "Tools"
scripts/install-tools.sh test
venv=$(scripts/venv.sh)
scripts/console.sh

step "Tidiness: sizes, words, layering, lock files"
python3 scripts/tidy.py

step "Shell scripts"
"$venv/bin/shellcheck" --external-sources --source-path=SCRIPTDIR scripts/*.sh .ci/run

step "Deployment files"
scripts/check-deploy.sh

step "TypeScript"
npm --prefix console run --silent lint

step "Rust format"
cargo fmt --all --check

step "Rust lints"
cargo clippy --workspace --all-targets -- -D warnings
step_end
