"""A language model behind Cairn and behind llama.cpp's own server: the same file, the same threads, one run.

    python llm.py [MODEL]

Prints tokens per second with 1 and with 8 users, and the time to the first token behind a shared prefix of
about 1,000 tokens, fresh and shared. Rounds of the two servers alternate; only one of them works at a time.
"""

from __future__ import annotations

import asyncio
import json
import os
import pathlib
import statistics
import sys
import tempfile
import time
import tomllib

import httpx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "clients"))
from cairn_server import CACHE, Server, free_port  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "3"))
TOKENS = 128
USERS = 8
SLOT_TOKENS = 2048
THREADS = os.cpu_count() or 2
QUESTION = "Tell the story of the lighthouse keeper and the storm, in as many words as you can."


class Peer:
    """llama.cpp's own server, in this process, through xllamacpp."""

    name = "llama.cpp server"

    def __init__(self, model: pathlib.Path) -> None:
        import xllamacpp

        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(model)
        parameters.n_parallel = USERS
        parameters.n_ctx = SLOT_TOKENS * USERS
        parameters.cpuparams.n_threads = THREADS
        parameters.cpuparams_batch.n_threads = THREADS
        parameters.port = free_port()
        self.server = xllamacpp.Server(parameters)
        address = self.server.listening_address
        self.url = address if address.startswith("http") else f"http://127.0.0.1:{parameters.port}"
        self.headers: dict[str, str] = {}
        self.model = "default"


class Cairn:
    """A Cairn server of its own, with everything on that is on by default."""

    name = "cairn"

    def __init__(self, model: str, folder: pathlib.Path) -> None:
        os.environ.update(
            CAIRN_LLM=model, CAIRN_LLM_SLOTS=str(USERS), CAIRN_LLM_CONTEXT_TOKENS=str(SLOT_TOKENS), CAIRN_THREADS=str(THREADS)
        )
        self.server = Server(folder / "data").start()
        self.url, self.model = self.server.url, model
        self.headers = {"authorization": f"Bearer {self.server.key}"}


async def ask(client: httpx.AsyncClient, side, messages: list[dict], tokens: int) -> tuple[float, float, int]:
    """Seconds to the first word, seconds to the end, tokens written."""
    body = {
        "model": side.model, "messages": messages, "max_tokens": tokens, "temperature": 0, "stream": True,
        "stream_options": {"include_usage": True}, "ignore_eos": True,
    }
    began = time.perf_counter()
    first, written = None, 0
    async with client.stream("POST", f"{side.url}/v1/chat/completions", json=body, headers=side.headers) as answer:
        if answer.status_code != 200:
            raise RuntimeError(f"{side.name}: {answer.status_code} {(await answer.aread())[:300]}")
        async for line in answer.aiter_lines():
            if not line.startswith("data: ") or line == "data: [DONE]":
                continue
            chunk = json.loads(line[6:])
            if chunk.get("error"):
                raise RuntimeError(f"{side.name}: {chunk}")
            if first is None and any(choice["delta"].get("content") for choice in chunk["choices"]):
                first = time.perf_counter() - began
            if chunk.get("usage"):
                written = chunk["usage"]["completion_tokens"]
    return first or 0.0, time.perf_counter() - began, written


async def together(side, prompts: list[list[dict]], tokens: int) -> list[tuple[float, float, int]]:
    limits = httpx.Limits(max_connections=USERS * 2)
    async with httpx.AsyncClient(timeout=600, limits=limits) as client:
        return await asyncio.gather(*(ask(client, side, prompt, tokens) for prompt in prompts))


def user(text: str) -> list[dict]:
    return [{"role": "user", "content": text}]


def speed(side, users: int, round_: int) -> float:
    """Tokens per second of all users together, from the first request to the last token."""
    prompts = [user(f"{QUESTION} Visitor {round_}-{number}.") for number in range(users)]
    began = time.perf_counter()
    answers = asyncio.run(together(side, prompts, TOKENS))
    return sum(written for _, _, written in answers) / (time.perf_counter() - began)


def prefix(seed: str) -> str:
    lines = [f"Rule {seed}-{number}: the keeper of tower {number * 7 % 31} lights lamp {number}." for number in range(60)]
    return "\n".join(lines)


def first_token(side, users: int, seed: str, warm: bool) -> float:
    """Median seconds to the first token of `users` who ask at once behind one system prompt; with `warm`,
    one has asked behind it before."""
    system = {"role": "system", "content": prefix(seed)}
    prompts = [[system, *user(f"What does rule {number} say?")] for number in range(users)]
    if warm:
        asyncio.run(together(side, [[system, *user("Are you ready?")]], 1))
    return statistics.median(first for first, _, _ in asyncio.run(together(side, prompts, 4)))


def model_file(name: str) -> pathlib.Path:
    """The file of a model that `cairn models pull` has fetched."""
    lock = pathlib.Path(__file__).resolve().parents[2] / "models.lock.toml"
    known = {entry["name"]: entry["file"] for entry in tomllib.loads(lock.read_text())["model"]}
    found = list((CACHE / "models").rglob(known[name.lower()]))
    if not found:
        raise SystemExit(f"{name} is not here: cairn models pull {name}")
    return found[0]


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else "qwen2.5-coder-0.5b-instruct"
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as folder:
        cairn = Cairn(name, pathlib.Path(folder))
        try:
            sides = [cairn, Peer(model_file(name))]
            for side in sides:
                speed(side, 1, -1)
            measure(sides, name)
        finally:
            cairn.server.stop()
    os._exit(0)  # the peer's threads do not end by themselves


def measure(sides: list, name: str) -> None:
    print(f"{name}, {THREADS} threads, {USERS} slots of {SLOT_TOKENS} tokens, medians of {ROUNDS} rounds")
    for users in (1, USERS):
        rounds = [[speed(side, users, round_) for side in sides] for round_ in range(ROUNDS)]
        ours, theirs = (statistics.median(column) for column in zip(*rounds))
        ratio = statistics.median(a / b for a, b in rounds)
        print(f"tokens/s, {users} user(s): cairn {ours:.1f}, llama.cpp server {theirs:.1f}, ratio {ratio:.2f}", flush=True)
    for users in (1, USERS):
        medians = {}
        for warm in (False, True):
            rounds = [
                [first_token(side, users, f"{users}{warm}{round_}{side.name[0]}", warm) for side in sides]
                for round_ in range(ROUNDS)
            ]
            medians[warm] = [statistics.median(column) for column in zip(*rounds)]
        for at, side in enumerate(sides):
            fresh, shared = medians[False][at], medians[True][at]
            print(
                f"first token, {users} user(s), prefix of about 1,000 tokens, {side.name}: "
                f"fresh {fresh * 1e3:.0f} ms, shared {shared * 1e3:.0f} ms, {fresh / shared:.1f} times shorter",
                flush=True,
            )


if __name__ == "__main__":
    main()
