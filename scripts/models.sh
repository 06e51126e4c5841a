#!/usr/bin/env bash
# Pulls the models, and the library, that the tests use, each checked against its SHA-256, unless they are here.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
[ -x "$CAIRN_BIN" ] || fail "$CAIRN_BIN is missing; build it with: make build"
"$CAIRN_BIN" models pull SmolLM2-135M-Instruct all-MiniLM-L6-v2 onnxruntime \
    pp-ocrv6-detection pp-ocrv6-recognition pp-ocr-direction
