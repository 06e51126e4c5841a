#!/usr/bin/env bash
# The crash tests in their long form: 1,000 files instead of 200.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
venv=$("$ROOT/scripts/venv.sh")
"$ROOT/scripts/models.sh"
cd "$ROOT/tests/clients"
SOAK=1 "$venv/bin/python" -m pytest test_crash.py "$@"
