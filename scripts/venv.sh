#!/usr/bin/env bash
# Prints the folder of a Python environment, made if need be: with the requirements file named by the
# argument, else with tests/clients/requirements.txt.
# Its name holds the hash of the requirements: another pin gives another environment.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

requirements=${1:-$ROOT/tests/clients/requirements.txt}
version=$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')
hash=$({ cat "$requirements"; echo "$version"; } | sha256sum | cut -c1-12)
venv=$CACHE/venv-$hash

if [ ! -f "$venv/complete" ]; then
    echo "Making the Python environment $venv" >&2
    rm -rf "$venv"
    mkdir -p "$CACHE"
    python3 -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements" >&2
    touch "$venv/complete"
fi
echo "$venv"
