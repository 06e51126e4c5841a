#!/usr/bin/env bash
# Runs a bench against the programs people use today, each in the same run as ours:
#
#   scripts/bench-peers.sh llm [MODEL]          llama.cpp's own server
#   scripts/bench-peers.sh structured [MODEL]   schemas and tool calls, judged by jsonschema
#   scripts/bench-peers.sh tensor               MLServer
#   scripts/bench-peers.sh documents [DATA]     markitdown and pdftotext
#   scripts/bench-peers.sh bm25|vectors         bm25s; Chroma, LanceDB and faiss
#   scripts/bench-peers.sh confidence QED...    the decision to refuse, fitted and measured
#   scripts/bench-peers.sh ranges               the table by which embeddings are computed in integers
#   scripts/bench-peers.sh chaos|kills|memory|mutated|rollout [ARGUMENT]   what a server must survive
#
# The peers live in a Python environment of their own, made at the first run.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
cd "$ROOT"

what=${1:-}
[ -f "bench/peers/$what.py" ] || fail "usage: scripts/bench-peers.sh llm|structured|tensor|documents|bm25|vectors|confidence|ranges|chaos|kills|memory|mutated|rollout [ARGUMENT]"
if [ "$what" = tensor ] && ! command -v wrk >/dev/null; then
    fail "wrk is missing. Install it with: apt-get update && apt-get install -y wrk"
fi
if [ "$what" = documents ] && ! command -v pdftotext >/dev/null; then
    fail "pdftotext is missing. Install it with: apt-get update && apt-get install -y poppler-utils"
fi
requirements=$ROOT/bench/peers/$what.txt
[ -f "$requirements" ] || requirements=$ROOT/bench/peers/requirements.txt
venv=$(scripts/venv.sh "$requirements")
cargo build --workspace --all-targets
shift
exec "$venv/bin/python" "bench/peers/$what.py" "$@"
