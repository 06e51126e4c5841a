"""Power cuts, dying children and stops under load: what was acknowledged stays.

SOAK=1 takes 1,000 files instead of 200, and 1,000 kills instead of 12.
"""

from __future__ import annotations

import concurrent.futures
import os
import re
import subprocess
import sys
import threading
import time

import httpx
import openai
import pytest
from openai import OpenAI

from cairn_server import REPOSITORY

FILES = 1000 if os.environ.get("SOAK") == "1" else 200
KILLS = 1000 if os.environ.get("SOAK") == "1" else 12
SETTLE_SECONDS = 600


def stock_client(server) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=180)


def body(number: int) -> bytes:
    return (
        f"# Expedition {number}\n\nThe party of expedition {number} carried the token tok{number:05d}x "
        f"over the pass and left it under the highest cairn.\n"
    ).encode()


def upload_all(server, count: int) -> list[str]:
    """The ids of `count` files, in the order of their numbers."""
    client = stock_client(server)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        made = pool.map(
            lambda n: client.files.create(file=(f"expedition-{n}.md", body(n)), purpose="assistants").id,
            range(count),
        )
        return list(made)


def wait_settled(client: OpenAI, store: str):
    """The store's counts once nothing is in progress."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (counts := client.vector_stores.retrieve(store).file_counts).in_progress:
        assert time.monotonic() < deadline, counts
        time.sleep(0.1)
    return counts


@pytest.mark.timeout(1800)
def test_a_kill_in_the_middle_of_ingesting_loses_and_doubles_nothing(own_server):
    files = upload_all(own_server, FILES)
    client = stock_client(own_server)
    store = client.vector_stores.create(name="expeditions").id
    for start in range(0, FILES, 500):
        client.vector_stores.file_batches.create(store, file_ids=files[start : start + 500])
    while (counts := client.vector_stores.retrieve(store).file_counts).completed < FILES // 5:
        assert counts.failed == 0, counts
        time.sleep(0.02)
    own_server.kill()
    assert counts.completed < FILES, "ingesting was over before the kill: nothing was tested"

    own_server.start()
    counts = wait_settled(client, store)
    assert (counts.completed, counts.failed, counts.total) == (FILES, 0, FILES)
    listed = [file.id for file in client.vector_stores.files.list(store, limit=100)]
    assert len(listed) == FILES and set(listed) == set(files)
    assert sorted(file.id for file in client.files.list()) == sorted(files)
    for number in range(0, FILES, max(1, FILES // 50)):
        token = f"tok{number:05d}x"
        found = client.vector_stores.search(store, query=f"token {token}", max_num_results=20).data
        holding = [hit.file_id for hit in found if token in hit.content[0].text]
        assert holding == [files[number]], f"{token} stands once, in its file; found in {holding}"


def test_attributes_and_access_lists_that_were_set_survive_a_kill(own_server):
    client = stock_client(own_server)
    store = client.vector_stores.create(name="expeditions").id
    files = upload_all(own_server, 3)
    client.vector_stores.file_batches.create(store, file_ids=files)
    assert wait_settled(client, store).completed == 3
    # What was read before is on the disk; only the changes are at stake.
    assert own_server.stop() == 0
    own_server.start()
    client.vector_stores.files.update(files[0], vector_store_id=store, attributes={"leader": "ada"})
    own_server.call("PUT", f"/cairn/v1/files/{files[1]}/access", json={"access": ["user:ada"]})
    own_server.call("PUT", f"/cairn/v1/files/{files[2]}/access", json={"access": ["user:bo"]})
    own_server.kill()

    own_server.start()
    led = {"type": "eq", "key": "leader", "value": "ada"}
    found = client.vector_stores.search(store, query="the pass", filters=led, max_num_results=20).data
    assert [hit.file_id for hit in found] == [files[0]]
    wanted = {"tenant": "default", "role": "viewer", "principals": ["user:ada"]}
    ada = own_server.call("POST", "/cairn/v1/keys", json=wanted).json()["key"]
    answer = own_server.call(
        "POST", f"/v1/vector_stores/{store}/search", headers={"authorization": f"Bearer {ada}"},
        json={"query": "the pass", "max_num_results": 20},
    )
    assert {hit["file_id"] for hit in answer.json()["data"]} == {files[0], files[1]}


@pytest.mark.timeout(5400)
def test_kills_at_random_moments_lose_and_double_nothing():
    """Uploads, attachments, deletes, attributes and access lists: see bench/peers/kills.py."""
    program = REPOSITORY / "bench" / "peers" / "kills.py"
    done = subprocess.run([sys.executable, program, str(KILLS)], capture_output=True, text=True, check=False)
    print(done.stdout)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"


COUNT = [{"role": "user", "content": "Count from one to five hundred in words, one number after another."}]
# Some nine seconds of writing, whatever the model thinks of the task.
LONG = {"messages": COUNT, "max_tokens": 1500, "extra_body": {"ignore_eos": True}}


def wait_busy(server) -> None:
    """Returns as soon as the language model works on a request."""
    deadline = time.monotonic() + 60
    while not re.search(r"^cairn_llm_slots_busy\{[^}]*\} [1-9]", server.call("GET", "/metrics").text, re.MULTILINE):
        assert time.monotonic() < deadline, "no request reached the language model"
        time.sleep(0.005)


def kill_llm(server) -> None:
    children = server.children("gguf")
    assert children, "no LLM child runs"
    for child in children:
        child.kill()


def test_a_stream_whose_llm_dies_fails_retryable_and_the_next_works(own_server):
    client = stock_client(own_server)
    stream = client.chat.completions.create(model="cairn", stream=True, **LONG)
    with pytest.raises(openai.APIError) as failed:
        for position, _ in enumerate(stream):
            if position == 3:
                kill_llm(own_server)
    assert not isinstance(failed.value, openai.APIConnectionError), "the stream must end with an error event"
    assert failed.value.message
    again = client.chat.completions.create(
        model="cairn", messages=[{"role": "user", "content": "Say hello."}], max_tokens=8
    )
    assert again.choices[0].message.content


def test_a_whole_answer_whose_llm_dies_is_a_503_and_the_next_works(own_server):
    client = stock_client(own_server)
    # The model is loaded first, so that the kill meets an answer and not a load.
    client.chat.completions.create(model="cairn", messages=COUNT, max_tokens=4)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(client.chat.completions.create, model="cairn", **LONG)
        wait_busy(own_server)
        kill_llm(own_server)
        with pytest.raises(openai.InternalServerError) as failed:
            asked.result(timeout=120)
    assert failed.value.status_code == 503
    again = client.chat.completions.create(
        model="cairn", messages=[{"role": "user", "content": "Say hello."}], max_tokens=8
    )
    assert again.choices[0].message.content
    assert httpx.get(f"{own_server.url}/healthz", timeout=5).status_code == 200


def test_a_stop_under_load_loses_no_acknowledged_upload(own_server):
    client = stock_client(own_server)
    store = client.vector_stores.create(name="load").id
    acknowledged: dict[str, int] = {}
    attached: list[str] = []
    numbers, lock, stopping = iter(range(100_000)), threading.Lock(), threading.Event()

    def load() -> None:
        own = stock_client(own_server)
        while not stopping.is_set():
            with lock:
                number = next(numbers)
            try:
                file = own.files.create(file=(f"load-{number}.md", body(number)), purpose="assistants").id
                with lock:
                    acknowledged[file] = number
                own.vector_stores.files.create(vector_store_id=store, file_id=file)
                with lock:
                    attached.append(file)
            except (openai.APIConnectionError, openai.InternalServerError):
                return

    workers = [threading.Thread(target=load) for _ in range(6)]
    for worker in workers:
        worker.start()
    time.sleep(2.0)
    status = own_server.stop()
    stopping.set()
    for worker in workers:
        worker.join(60)
    assert status == 0, f"the server did not end cleanly\n{own_server.tail()}"
    assert len(acknowledged) >= 6, "too little load to test anything"

    own_server.start()
    for file, number in acknowledged.items():
        assert client.files.content(file).read() == body(number)
    wait_settled(client, store)
    listed = [file.id for file in client.vector_stores.files.list(store, limit=100)]
    assert len(listed) == len(set(listed)) and set(attached) <= set(listed)
    states = {file.status for file in client.vector_stores.files.list(store, limit=100)}
    assert states == {"completed"}
