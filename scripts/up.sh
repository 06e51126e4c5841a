#!/usr/bin/env bash
# Starts the server in the background, if it does not run, and waits until it is ready.
#
# CAIRN_DATA names another data directory than ./cairn-data, CAIRN_LISTEN another
# address than the first free port from 127.0.0.1:8080 on.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

READY_SECONDS=${CAIRN_READY_SECONDS:-180}

port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

choose_address() {
    local port
    for port in $(seq 8080 8099); do
        if port_is_free "$port"; then echo "127.0.0.1:$port"; return; fi
    done
    fail "the ports 8080 to 8099 are all taken; name an address: CAIRN_LISTEN=127.0.0.1:PORT make up"
}

# A key made here once, readable by this user only, so that scripts can use it.
admin_key() {
    if [ ! -f "$RUN/admin.key" ]; then
        (umask 077 && python3 -c 'import secrets, uuid; print(f"ck_{uuid.uuid4().hex}_{secrets.token_hex(32)}")' > "$RUN/admin.key")
    fi
    cat "$RUN/admin.key"
}

wait_ready() {
    local pid=$1 url=$2 deadline=$((SECONDS + READY_SECONDS))
    until curl -sf -o /dev/null --max-time 5 "$url/readyz"; do
        if ! kill -0 "$pid" 2>/dev/null; then
            rm -f "$RUN/pid"
            tail -n 30 "$RUN/server.log" >&2
            fail "the server ended while starting; its log is $RUN/server.log"
        fi
        if [ $SECONDS -ge $deadline ]; then
            fail "the server (process $pid) was not ready within $READY_SECONDS s; its log is $RUN/server.log"
        fi
        sleep 0.2
    done
}

if url=$(running_url); then
    if [ "$CAIRN_BIN" -nt "$RUN/pid" ]; then
        note "The program was built anew since the server started: restarting it"
        "$ROOT/scripts/down.sh"
    else
        wait_ready "$(cat "$RUN/pid")" "$url"
        note "Running at $url"
        exit 0
    fi
fi

[ -x "$CAIRN_BIN" ] || fail "$CAIRN_BIN is missing; build it with: make build"
mkdir -p "$RUN"
address=${CAIRN_LISTEN:-$(choose_address)}
key=$(admin_key)
CAIRN_ADMIN_KEY=$key setsid nohup "$CAIRN_BIN" up --data "$DATA" --listen "$address" \
    >> "$RUN/server.log" 2>&1 < /dev/null &
pid=$!
echo "$pid" > "$RUN/pid"
echo "http://$address" > "$RUN/url"
wait_ready "$pid" "http://$address"
note "Running at http://$address (process $pid, log $RUN/server.log)"
