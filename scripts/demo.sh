#!/usr/bin/env bash
# The newcomer's walk: from a clone to cited answers and a served prediction model.
# Everything done once stays: a second run takes seconds.
#
#   scripts/demo.sh            keep the trained model of the last run
#   scripts/demo.sh --again    train anew
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

STORE=examples
TABLE_FILE=examples/tables/abalone.csv
TABLE=abalone
TARGET=rings
NEW_ROW=examples/tables/abalone-new.csv
BUDGET=${CAIRN_DEMO_BUDGET:-30s}

AGAIN=no
case "${1:-}" in
    '') ;;
    --again) AGAIN=yes ;;
    *) fail "usage: scripts/demo.sh [--again]" ;;
esac

cairn() { "$CAIRN_BIN" "$@"; }

# Shows the command as a newcomer would type it, then runs it.
show() {
    local word line='$ cairn'
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_./=-]*) line+=" \"$word\"" ;; *) line+=" $word" ;; esac
    done
    printf '%s%s%s\n' "$DIM" "$line" "$PLAIN"
    cairn "$@"
}

# deployed_version MODEL: its number, or nothing.
deployed_version() {
    api GET "/cairn/v1/models/$1" 2>/dev/null | python3 -c '
import json, sys
try:
    print(json.load(sys.stdin).get("deployed_version") or "")
except ValueError:
    pass'
}

questions() {
    python3 -c '
import json
for entry in json.load(open("examples/questions.json", encoding="utf-8"))["questions"]:
    print(entry["question"])'
}

ask_all() {
    local question
    while IFS= read -r question <&3; do
        show ask "$question" --store "$STORE"
        echo
    done 3< <(questions)
}

train() {
    local version
    version=$(deployed_version "$TABLE" || true)
    if [ -n "$version" ] && [ "$AGAIN" = no ]; then
        note "The model '$TABLE' is trained and deployed (version $version); --again trains anew."
        return
    fi
    show data load "$TABLE_FILE"
    show train "$TABLE" --target "$TARGET" --name "$TABLE" --budget "$BUDGET"
    version=$(api GET "/cairn/v1/models/$TABLE" | python3 -c '
import json, sys
print(max(entry["version"] for entry in json.load(sys.stdin)["versions"]))')
    api POST "/cairn/v1/models/$TABLE/deploy" "{\"version\":$version}" > /dev/null
    note "Deployed '$TABLE' version $version."
}

farewell() {
    cat <<END

${BOLD}The server stays up.${PLAIN}
  console   $CAIRN_URL/console/
  key       $(realpath --relative-to="$PWD" "$RUN/admin.key")   (paste its line when the console asks)
  clients   OPENAI_BASE_URL=$CAIRN_URL/v1  OPENAI_API_KEY=\$(cat $(realpath --relative-to="$PWD" "$RUN/admin.key"))
  log       $(realpath --relative-to="$PWD" "$RUN/server.log")
  stop      make down
END
}

began=$SECONDS
step "Tools"
scripts/install-tools.sh
step "Build"
scripts/build.sh
step "Models"
show models pull --default
step "Server"
scripts/up.sh
use_running_server
step "Documents: read, chunked, embedded, indexed"
show ingest examples/documents --store "$STORE"
step "Questions: two that the documents answer, one that they do not"
ask_all
step "Table: a model trained, tested on rows it never saw, deployed"
train
step "Prediction"
show predict "$TABLE" "$NEW_ROW"
step_end
note ""
note "All of it: $((SECONDS - began)) s"
farewell
