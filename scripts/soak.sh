#!/usr/bin/env bash
# The crash and erasure tests in their long form: 1,000 documents, 1,000 kills.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
venv=$("$ROOT/scripts/venv.sh")
"$ROOT/scripts/models.sh"
cd "$ROOT/tests/clients"
SOAK=1 "$venv/bin/python" -m pytest test_crash.py test_erasure.py "$@"
