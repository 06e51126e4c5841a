"""A thousand damaged model files, each registered at a running server.

    python mutated.py [FILES]

Half are a trained ONNX model, half the language model of the tests in GGUF; bytes are flipped, runs are cut out, doubled or overwritten with large numbers, ends are missing. Each is
uploaded; it must be refused with an error that names a code, or load. What still loads is asked once, and must answer
or refuse. After each file another model must still answer. Ends with 1 when the server ended, a call took longer than
a minute, an answer had no error in it, or the other model failed.
"""

from __future__ import annotations

import collections
import os
import pathlib
import random
import sys
import tempfile
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
from cairn_server import CACHE, Server  # noqa: E402
from tensor import request, train  # noqa: E402

FILES = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
# Its header and its vocabulary end before here.
GGUF_HEAD = 1 << 21
LONGEST = 60.0
BAD = ("HUNG", "BROKE", "FAILED", "NO ERROR")
LARGE = [b"\xff" * 8, b"\xff" * 4, b"\x00\x00\x00\x80", b"\xff\xff\xff\x7f", b"\x00" * 8, b"\xff\xff\xff\xff\x0f"]


def mutated(dice: random.Random, file: bytes, head: int) -> bytes:
    """The file with one to eight damages, most of them near its begin."""
    data = bytearray(file)
    if dice.random() < 0.15:
        return bytes(data[: dice.randrange(len(data))])
    for _ in range(dice.randint(1, 8)):
        reach = dice.choice([64, 1024, head, head, len(data)])
        at = dice.randrange(max(1, min(reach, len(data))))
        match dice.randrange(6):
            case 0:
                data[at] ^= 1 << dice.randrange(8)
            case 1:
                data[at] = dice.randrange(256)
            case 2:
                large = dice.choice(LARGE)
                data[at : at + len(large)] = large
            case 3:
                del data[at : at + dice.randint(1, 64)]
            case 4:
                data[at:at] = data[at : at + dice.randint(1, 64)]
            case 5:
                data[at : at + 16] = dice.randbytes(16)
    return bytes(data)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="cairn-mutated-") as folder:
        server = Server(pathlib.Path(folder) / "data").start()
        try:
            return run(server)
        finally:
            server.stop()


def run(server: Server) -> int:
    onnx = train(server)
    body = request(server)
    gguf = next(pathlib.Path(os.environ.get("CAIRN_MODELS_DIR", CACHE / "models")).rglob("SmolLM2*.gguf")).read_bytes()
    counts: collections.Counter[str] = collections.Counter()
    codes: collections.Counter[str] = collections.Counter()
    slowest, began = 0.0, time.monotonic()
    for number in range(FILES):
        kind = ("onnx", "gguf")[number % 2]
        dice = random.Random(number)
        file = mutated(dice, onnx, len(onnx)) if kind == "onnx" else mutated(dice, gguf, GGUF_HEAD)
        name = f"mutant-{number}"
        started = time.monotonic()
        try:
            verdict = one(server, name, kind, file, body, codes)
        except httpx.TimeoutException:
            verdict = "HUNG"
        except httpx.TransportError as error:
            verdict = f"BROKE OFF ({type(error).__name__})"
        slowest = max(slowest, time.monotonic() - started)
        counts[f"{kind} {verdict}"] += 1
        if server.process.poll() is not None:
            print(f"the server ended at file {number}\n{server.tail()}")
            return 1
        answer = server.call("POST", "/v2/models/abalone/infer", expect=None, json=body)
        if answer.status_code != 200:
            counts["the other model FAILED"] += 1
        if any(word in verdict for word in BAD):
            print(f"file {number}: {verdict}", flush=True)
    print(f"mutated, {FILES} files in {time.monotonic() - began:.0f} s, the slowest took {slowest:.1f} s: "
          + ", ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    print("codes: " + ", ".join(f"{code} {count}" for code, count in codes.most_common()))
    bad = [what for what in counts if any(word in what for word in BAD)]
    return 1 if bad else 0


def one(server: Server, name: str, kind: str, file: bytes, body: dict, codes: collections.Counter) -> str:
    """Registers one file; what loads is asked once and deleted."""
    made = server.call("POST", f"/cairn/v1/models/{name}/versions", expect=None, timeout=LONGEST,
                       files={"file": (f"{name}.{kind}", file, "application/octet-stream")})
    if made.status_code >= 300:
        return refused(made, codes)
    if kind == "onnx":
        known = server.call("GET", f"/v2/models/{name}", expect=None, timeout=LONGEST)
        asked = server.call("POST", f"/v2/models/{name}/infer", expect=None, json=body, timeout=LONGEST)
        assert known.status_code == 200, known.text
    else:
        asked = server.call("POST", "/v1/chat/completions", expect=None, timeout=LONGEST, json={
            "model": name, "max_tokens": 2, "messages": [{"role": "user", "content": "Hello"}]})
    server.call("DELETE", f"/cairn/v1/models/{name}", expect=None).raise_for_status()
    if asked.status_code >= 300:
        return "loads, then " + refused(asked, codes)
    return "loads and answers"


def refused(answer: httpx.Response, codes: collections.Counter) -> str:
    """An error is in the protocol's shape and says what is wrong."""
    error = answer.json().get("error")
    message = error.get("message") if isinstance(error, dict) else error
    if not message:
        return f"NO ERROR IN {answer.status_code}"
    code = error.get("code") if isinstance(error, dict) else None
    codes[f"{answer.status_code} {code or '-'}"] += 1
    return "refused" if answer.status_code < 500 or answer.status_code in (503, 504) else f"FAILED {answer.status_code}"


if __name__ == "__main__":
    sys.exit(main())
