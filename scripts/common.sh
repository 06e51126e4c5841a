# shellcheck shell=bash
# What every script here shares: where things are, and how to speak to the reader.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/cairn
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}
export CAIRN_MODELS_DIR=${CAIRN_MODELS_DIR:-$CACHE/models}
export PATH="$CACHE/bin:$PATH"
CAIRN_BIN=${CAIRN_BIN:-$CARGO_TARGET_DIR/debug/cairn}
export CAIRN_BIN

DATA=${CAIRN_DATA:-$ROOT/cairn-data}
# The scripts' own notes on the server they started; the server does not read them.
RUN=$DATA/run

if [ -t 1 ]; then BOLD=$'\e[1m' DIM=$'\e[2m' RED=$'\e[31m' PLAIN=$'\e[0m'; else BOLD='' DIM='' RED='' PLAIN=''; fi

note() { printf '%s\n' "$*"; }
fail() { printf '%s%s%s\n' "$RED" "$*" "$PLAIN" >&2; exit 1; }

STEP_NAME='' STEP_START=0
# Ends the step before with the time it took, and begins the next.
step() {
    step_end
    STEP_NAME=$1 STEP_START=$SECONDS
    printf '\n%s== %s%s\n' "$BOLD" "$1" "$PLAIN"
}
step_end() {
    if [ -n "$STEP_NAME" ]; then printf '%s-- %s: %d s%s\n' "$DIM" "$STEP_NAME" $((SECONDS - STEP_START)) "$PLAIN"; fi
    STEP_NAME=''
}

# version_at_least HAVE WANT: both dotted numbers.
version_at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

# A hash over the names and contents of a folder's files, without what is installed or built there.
sources_hash() {
    (cd "$ROOT" && find "$@" \( -name node_modules -o -name dist -o -name test-results \) -prune -o -type f -print0 |
        sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)
}

# Whether the process of this number is the server of $DATA, and not one that got its number later.
is_our_server() {
    kill -0 "$1" 2>/dev/null || return 1
    if [ -r "/proc/$1/cmdline" ]; then tr '\0' ' ' < "/proc/$1/cmdline" | grep -qF -- "--data $DATA "; fi
}

# The address of the server that scripts/up.sh started, if it runs.
running_url() {
    [ -f "$RUN/pid" ] && [ -f "$RUN/url" ] && is_our_server "$(cat "$RUN/pid")" && cat "$RUN/url"
}

# Lets `cairn` commands and curl speak to that server.
use_running_server() {
    CAIRN_URL=$(running_url) || fail "no server runs here; start one with: make up"
    CAIRN_KEY=$(cat "$RUN/admin.key")
    export CAIRN_URL CAIRN_KEY
}

# api METHOD PATH [JSON]: one call to the running server.
api() {
    local body=()
    if [ $# -gt 2 ]; then body=(-H 'content-type: application/json' -d "$3"); fi
    curl -sS --fail-with-body -X "$1" -H "authorization: Bearer $CAIRN_KEY" "${body[@]}" "$CAIRN_URL$2"
}
