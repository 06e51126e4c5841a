"""Engine children killed at random every second for a minute, under load.

    python chaos.py [SECONDS]

Three kinds of work run at once: chat with a language model (whose child is the victim), predictions of a trained
model, embeddings. Every chat must answer with a word that only its own request allows, so an answer that reaches
another request shows. Prints what failed and how; ends with 1 when another model's request failed, a chat failed
in a way that a client does not retry, or an answer was mixed up.
"""

from __future__ import annotations

import collections
import os
import pathlib
import random
import sys
import tempfile
import threading
import time

import openai
from openai import OpenAI

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
from cairn_server import Server  # noqa: E402
from tensor import request, train  # noqa: E402

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 60


def main() -> int:
    os.environ["CAIRN_LLM"] = "smollm2-135m-instruct"
    with tempfile.TemporaryDirectory(prefix="cairn-chaos-") as folder:
        server = Server(pathlib.Path(folder) / "data").start()
        try:
            return run(server)
        finally:
            server.stop()


def run(server: Server) -> int:
    train(server)
    body = request(server)
    client = OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=120)
    counts: collections.Counter[str] = collections.Counter()
    over, numbers = threading.Event(), iter(range(10**9))

    def chat() -> None:
        while not over.is_set():
            word = f"token-{next(numbers):06d}"
            try:
                answer = client.chat.completions.create(
                    model="cairn", max_tokens=64, extra_body={"guided_choice": [word, f"{word}-b"]},
                    messages=[{"role": "user", "content": f"Say {word} or {word}-b."}])
                said = answer.choices[0].message.content
                counts["chat ok" if said in (word, f"{word}-b") else "chat MIXED UP"] += 1
            except openai.InternalServerError as error:
                counts["chat retryable" if error.status_code == 503 else f"chat FAILED {error.status_code}"] += 1
            except openai.OpenAIError as error:
                counts[f"chat FAILED {type(error).__name__}"] += 1

    def infer() -> None:
        while not over.is_set():
            status = server.call("POST", "/v2/models/abalone/infer", expect=None, json=body).status_code
            counts["infer ok" if status == 200 else f"infer FAILED {status}"] += 1

    def embed() -> None:
        while not over.is_set():
            status = server.call("POST", "/v1/embeddings", expect=None, json={
                "model": "all-MiniLM-L6-v2", "input": "a lamp in the tower"}).status_code
            counts["embed ok" if status == 200 else f"embed FAILED {status}"] += 1

    threads = [threading.Thread(target=work) for work in (chat, chat, chat, chat, infer, embed)]
    for thread in threads:
        thread.start()
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        time.sleep(1.0)
        if children := server.children("gguf"):
            random.choice(children).kill()
            counts["kills"] += 1
    over.set()
    for thread in threads:
        thread.join(130)
    print(f"chaos, {SECONDS} s: " + ", ".join(f"{what} {count}" for what, count in sorted(counts.items())))
    bad = [what for what in counts if "FAILED" in what or "MIXED" in what]
    return 1 if bad or not counts["chat ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
