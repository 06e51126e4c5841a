#!/usr/bin/env bash
# Builds the console when its sources changed; with `test` runs its unit tests too.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT/console"

# The lock file is all that decides what npm installs.
installed=$(sha256sum package-lock.json package.json | sha256sum | cut -d' ' -f1)
if [ "$(cat node_modules/.cairn-installed 2>/dev/null)" != "$installed" ]; then
    note "Installing the console's packages"
    npm ci --no-audit --no-fund --loglevel=error
    echo "$installed" > node_modules/.cairn-installed
fi

built=$(sources_hash console)
if [ "$(cat node_modules/.cairn-built 2>/dev/null)" != "$built" ] || [ ! -f dist/index.html ]; then
    note "Building the console"
    npm run --silent build
    echo "$built" > node_modules/.cairn-built
else
    note "The console is up to date"
fi

if [ "${1:-}" = test ]; then npm run --silent test; fi
