#!/usr/bin/env bash
# Stops the server that scripts/up.sh started, and waits until it has drained.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

STOP_SECONDS=60

if ! running_url >/dev/null; then
    rm -f "$RUN/pid"
    note "No server runs here"
    exit 0
fi
pid=$(cat "$RUN/pid")
kill -TERM "$pid"
for _ in $(seq $((STOP_SECONDS * 5))); do
    if ! kill -0 "$pid" 2>/dev/null; then
        rm -f "$RUN/pid"
        note "Stopped"
        exit 0
    fi
    sleep 0.2
done
fail "the server (process $pid) did not stop within $STOP_SECONDS s; its log is $RUN/server.log"
