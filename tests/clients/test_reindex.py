"""Re-indexing a vector store: another embedding model or another way of cutting, while it answers.

SOAK=1 takes 600 documents instead of 120.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import subprocess
import threading
import time

import numpy as np
import pytest
from openai import OpenAI

import encoder_gguf
from cairn_server import CACHE, binary

MODELS = pathlib.Path(os.environ.get("CAIRN_MODELS_DIR", CACHE / "models"))
DOCUMENTS = 600 if os.environ.get("SOAK") == "1" else 120
KEEPER = "The keeper wrote it into the book and went on with the round of the station. "


def command(server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What `cairn stores` does at this server."""
    words = [str(binary()), "stores", *arguments, "--url", server.url, "--key", server.key]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def planted(number: int) -> str:
    """A word of one document that stands nowhere else."""
    return f"quartz{number:05d}zanzibar"


def body(number: int) -> bytes:
    return (
        f"# Station {number}\n\n## Lockers\n\nThe locker number {number} holds the parcel called "
        f"{planted(number)}. {KEEPER * 15}\n\n## Trains\n\nTrain {number} leaves at noon. {KEEPER * 15}\n"
    ).encode()


def stock_client(server) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=180)


def library(server, count: int) -> tuple[str, list[str]]:
    """A store of `count` documents, all read, and the files in the order of their numbers."""
    client = stock_client(server)
    store = client.vector_stores.create(name="stations").id
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = pool.map(
            lambda n: client.files.create(file=(f"station-{n}.md", body(n)), purpose="assistants").id, range(count)
        )
        files = list(made)
    for start in range(0, count, 500):
        client.vector_stores.file_batches.create(store, file_ids=files[start : start + 500])
    deadline = time.monotonic() + 600
    while (counts := client.vector_stores.retrieve(store).file_counts).in_progress:
        assert time.monotonic() < deadline, counts
        time.sleep(0.1)
    assert (counts.completed, counts.failed) == (count, 0)
    return store, files


def path(store: str) -> str:
    return f"/cairn/v1/vector_stores/{store}/reindex"


def start(server, store: str, **wish) -> dict:
    return server.call("POST", path(store), json=wish).json()


def state(server, store: str) -> dict:
    return server.call("GET", path(store)).json()


def ended(server, store: str) -> dict:
    deadline = time.monotonic() + 900
    while (shown := state(server, store))["status"] == "in_progress":
        assert time.monotonic() < deadline, shown
        assert 0 <= shown["run"]["fraction"] <= 1
        time.sleep(0.1)
    return shown


def holding(client: OpenAI, store: str, number: int) -> list[str]:
    """The files among the hits for a document's word whose text has it."""
    found = client.vector_stores.search(store, query=f"the parcel called {planted(number)}", max_num_results=20).data
    places = [(hit.file_id, hit.cairn["char_start"], hit.cairn["char_end"]) for hit in found]
    assert len(places) == len(set(places)), f"a passage is shown twice: {places}"
    return [hit.file_id for hit in found if planted(number) in hit.content[0].text]


def clean(server, seconds: float = 60) -> None:
    """Nothing is left to remove, and everything that belongs together is together."""
    server.call("POST", "/cairn/v1/purge", json={}, timeout=600)
    deadline = time.monotonic() + seconds
    while not (found := server.call("POST", "/cairn/v1/verify", json={}).json())["clean"]:
        assert time.monotonic() < deadline, found
        time.sleep(0.5)


@pytest.mark.timeout(1800)
def test_kills_in_the_middle_lose_and_double_nothing(own_server):
    store, files = library(own_server, DOCUMENTS)
    started = start(own_server, store, chunking={"type": "structure", "max_tokens": 120})
    assert started["status"] == "in_progress" and started["active"]["generation"] == 1
    client = stock_client(own_server)
    client.files.delete(files[0])
    client.vector_stores.files.delete(files[1], vector_store_id=store)
    for share in (0.15, 0.5, 0.8):
        deadline = time.monotonic() + 600
        while (shown := state(own_server, store))["status"] == "in_progress" and shown["run"]["fraction"] < share:
            assert time.monotonic() < deadline, shown
            time.sleep(0.01)
        assert share > 0.5 or shown["status"] == "in_progress", "it was over before the kill: nothing was tested"
        own_server.kill()
        own_server.start()
        assert holding(client, store, 7) == [files[7]]
    done = ended(own_server, store)
    assert done["status"] == "completed" and done["active"]["generation"] == 2, done
    assert done["run"]["report"]["files"] == DOCUMENTS - 2
    assert done["run"]["report"]["chunks_after"] > done["run"]["report"]["chunks_before"]
    for number in range(2, DOCUMENTS, 7):
        assert holding(client, store, number) == [files[number]]
    assert holding(client, store, 0) == holding(client, store, 1) == []
    clean(own_server)
    indexes = [folder.name for folder in (own_server.data / "index").iterdir() if folder.name.startswith(store)]
    assert indexes == [f"{store}-g2"]
    for file in own_server.data.rglob("*"):
        assert not (file.is_file() and planted(0).encode() in file.read_bytes()), f"{file} has a deleted word"


@pytest.mark.timeout(1800)
def test_another_embedding_model_takes_over_while_the_store_answers(own_server):
    file = {"file": ("encoder.gguf", encoder_gguf.encoder(MODELS))}
    own_server.call("POST", "/cairn/v1/models/encoder/versions", expect=None, files=file).raise_for_status()
    store, files = library(own_server, 24)
    client = stock_client(own_server)
    stop, failures, asked = threading.Event(), [], 0

    def ask() -> None:
        nonlocal asked
        own = stock_client(own_server)
        while not stop.is_set():
            number = 2 + asked % 20
            try:
                if holding(own, store, number) != [files[number]]:
                    failures.append(number)
            except Exception as failure:  # noqa: BLE001 - it is shown below
                failures.append(failure)
            asked += 1

    asking = threading.Thread(target=ask)
    asking.start()
    started = start(own_server, store, embedding_model="encoder")
    assert started["run"]["generation"]["embedding_version"] == 1
    done = ended(own_server, store)
    time.sleep(0.5)
    stop.set()
    asking.join(60)
    assert done["status"] == "completed", done
    assert asked and not failures, failures[:3]
    assert done["active"]["embedding_model"] == "encoder"
    assert done["run"]["report"]["recall_at_10"] > 0.5, done

    # The files are cut as before, and new ones are embedded by the new model.
    late = client.files.create(file=("late.md", body(900)), purpose="assistants").id
    client.vector_stores.files.create_and_poll(late, vector_store_id=store)
    assert holding(client, store, 900) == [late]
    refused = own_server.call("DELETE", "/cairn/v1/models/encoder", expect=409).json()["error"]
    assert store in refused["message"] and refused["code"] == "model_in_use"
    # A model that is away costs the search, and nothing else takes its place.
    own_server.call("POST", "/v2/repository/models/encoder/unload", json={})
    away = own_server.call("POST", f"/v1/vector_stores/{store}/search", expect=503, json={"query": "parcel"})
    assert away.json()["error"]["code"] == "embedding_model_unavailable", away.text
    own_server.call("POST", "/v2/repository/models/encoder/load", json={})
    assert holding(client, store, 900) == [late]
    own_server.kill()
    own_server.start()
    assert holding(client, store, 900) == [late]
    clean(own_server)

    # Back to the program's own, and the model is free.
    own = own_server.call("GET", "/cairn/v1/status").json()["embedding_model"]
    start(own_server, store, embedding_model=own)
    assert ended(own_server, store)["active"]["embedding_version"] is None
    own_server.call("DELETE", "/cairn/v1/models/encoder")
    assert holding(client, store, 900) == [late]
    clean(own_server)


@pytest.fixture
def small(monkeypatch) -> bytes:
    """An encoder of 128 numbers a text, of random weights."""
    width, inner = 128, 256
    random = np.random.default_rng(3)

    def normal(*shape: int) -> np.ndarray:
        return random.normal(0, 0.05, shape).astype(np.float32)

    vocabulary = len(encoder_gguf.words(MODELS / "all-MiniLM-L6-v2.tokenizer.json"))
    arrays = {
        "token_embd.weight": normal(vocabulary, width),
        "position_embd.weight": normal(encoder_gguf.WINDOW, width),
        "token_types.weight": normal(2, width),
    }
    norms = ["token_embd_norm", "blk.0.attn_output_norm", "blk.0.layer_output_norm"]
    for name in norms:
        arrays |= {f"{name}.weight": np.ones(width, np.float32), f"{name}.bias": np.zeros(width, np.float32)}
    shapes = {name: (width, width) for name in ("attn_q", "attn_k", "attn_v", "attn_output")}
    for name, shape in {**shapes, "ffn_up": (inner, width), "ffn_down": (width, inner)}.items():
        arrays |= {f"blk.0.{name}.weight": normal(*shape), f"blk.0.{name}.bias": normal(shape[0])}
    monkeypatch.setattr(encoder_gguf, "weights", lambda _: arrays)
    for name, value in {"LAYERS": 1, "WIDTH": width, "HEADS": 4, "INNER": inner}.items():
        monkeypatch.setattr(encoder_gguf, name, value)
    return encoder_gguf.encoder(MODELS)


def test_a_store_of_another_model_has_its_own_dimensions(server, client, small):
    file = {"file": ("small.gguf", small)}
    server.call("POST", "/cairn/v1/models/small/versions", expect=None, files=file).raise_for_status()
    store = client.vector_stores.create(name="small", extra_body={"cairn": {"embedding_model": "small"}})
    assert store.cairn["embedding_model"] == "small"
    # Longer than it reads at once: it is read in parts.
    long = f"The word is {planted(77)}. ".encode() + KEEPER.encode() * 60
    file = client.files.create(file=("long.txt", long), purpose="assistants").id
    extra = {"cairn": {"chunking": {"type": "static", "max_tokens": 1200, "overlap_tokens": 0}}}
    client.vector_stores.files.create(store.id, file_id=file, extra_body=extra)
    deadline = time.monotonic() + 120
    while (shown := client.vector_stores.files.retrieve(file, vector_store_id=store.id)).status == "in_progress":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert shown.status == "completed", shown.last_error
    assert holding(client, store.id, 77) == [file]
    assert len(client.embeddings.create(model="small", input="a").data[0].embedding) == 128
    own = server.call("GET", "/cairn/v1/status").json()["embedding_model"]
    start(server, store.id, embedding_model=own, chunking={"type": "auto"})
    assert ended(server, store.id)["status"] == "completed"
    assert holding(client, store.id, 77)[:1] == [file]
    client.vector_stores.delete(store.id)


def test_a_model_that_makes_scores_makes_no_vectors(server):
    head = np.ones(encoder_gguf.WIDTH, dtype=np.float32)
    file = {"file": ("judge.gguf", encoder_gguf.encoder(MODELS, head))}
    server.call("POST", "/cairn/v1/models/scores/versions", expect=None, files=file).raise_for_status()
    wish = {"name": "scores", "cairn": {"embedding_model": "scores"}}
    refused = server.call("POST", "/v1/vector_stores", expect=400, json=wish).json()["error"]
    assert refused["param"] == "embedding_model"


def test_the_command_line_does_what_the_api_does(server):
    store, _ = library(server, 2)
    listed = json.loads(command(server, "list", "--json").stdout)
    assert store in [row["id"] for row in listed]
    ranking = f"/cairn/v1/vector_stores/{store}/ranking"
    set_ = command(server, "ranking", store, "--dense-weight", "0.25", "--json")
    assert set_.returncode == 0, set_.stderr
    assert json.loads(set_.stdout) == server.call("GET", ranking).json()
    assert json.loads(set_.stdout)["ranking"]["dense_weight"] == 0.25
    assert "choice        default" in command(server, "ranking", store, "--reset").stdout
    done = command(server, "reindex", store, "--chunker", "structure", "--max-tokens", "120", "--wait", "--json")
    assert done.returncode == 0, done.stderr
    held = json.loads(done.stdout)
    assert (held["status"], held["active"]["chunking"]["max_tokens"]) == ("completed", 120)
    assert "structure" in command(server, "reindex", store, "--status").stdout
    wrong = command(server, "reindex", store, "--max-tokens", "120")
    assert wrong.returncode != 0 and "--chunker" in wrong.stderr
