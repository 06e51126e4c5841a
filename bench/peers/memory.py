"""200 rounds of load, infer, unload over three models: memory after against memory before.

    python memory.py [ROUNDS]

The models are a trained table model, a second one, and a language model in its child. The first rounds warm up
allocators and thread pools and do not count. Prints the resident memory of the server with all its children.
"""

from __future__ import annotations

import os
import pathlib
import sys
import tempfile
import time

import psutil

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
from cairn_server import CACHE, Server  # noqa: E402
from tensor import request, train  # noqa: E402

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 200
WARM = 20


def resident(server: Server) -> int:
    """Bytes of the server and its children, once nothing moves any more."""
    def now() -> int:
        process = psutil.Process(server.process.pid)
        total = 0
        for one in [process, *process.children(recursive=True)]:
            try:
                total += one.memory_info().rss
            except psutil.NoSuchProcess:
                pass
        return total

    last = now()
    for _ in range(20):
        time.sleep(0.25)
        if abs((current := now()) - last) < 1 << 18:
            break
        last = current
    return current


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="cairn-memory-") as folder:
        server = Server(pathlib.Path(folder) / "data").start()
        try:
            file = train(server)
            made = server.call("POST", "/cairn/v1/models/again/versions", expect=None, files={"file": ("again.onnx", file)})
            made.raise_for_status()
            # As a file of the tenant's own: a model of the store is everybody's and leaves memory when it is idle.
            words = next(pathlib.Path(os.environ.get("CAIRN_MODELS_DIR", CACHE / "models")).rglob("SmolLM2*.gguf"))
            made = server.call("POST", "/cairn/v1/models/words/versions", expect=None, files={
                "file": ("words.gguf", words.read_bytes())})
            made.raise_for_status()
            body = request(server)
            figures = []
            for number in range(WARM + ROUNDS):
                if number == WARM:
                    figures.append(resident(server))
                one_round(server, body)
            figures.append(resident(server))
        finally:
            server.stop()
    before, after = figures
    print(f"{ROUNDS} rounds of load, infer, unload over three models: {before / 2**20:.1f} MB before, "
          f"{after / 2**20:.1f} MB after, {100 * (after / before - 1):+.1f} %")
    return 0 if after <= before * 1.05 else 1


def one_round(server: Server, body: dict) -> None:
    for name in ("abalone", "again", "words"):
        server.call("POST", f"/v2/repository/models/{name}/load")
        if name == "words":
            server.call("POST", "/v1/chat/completions", json={
                "model": name, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello"}]})
        else:
            server.call("POST", f"/v2/models/{name}/infer", json=body)
        server.call("POST", f"/v2/repository/models/{name}/unload", json={"parameters": {"unload_dependents": False}})


if __name__ == "__main__":
    sys.exit(main())
