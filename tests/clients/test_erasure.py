"""Deleting for good: no hit in any answer at once, no byte on disk after the purge.

SOAK=1 takes 1,000 documents and deletes 100 of them.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import time

import pytest
from openai import OpenAI

SOAK = os.environ.get("SOAK") == "1"
DOCUMENTS, DELETED = (1000, 100) if SOAK else (60, 6)


def planted(number: int) -> str:
    """A word of one document that stands nowhere else."""
    return f"quartz{number:05d}zanzibar"


def body(number: int) -> bytes:
    return (
        f"# Locker {number}\n\nThe locker number {number} of the station holds the parcel called "
        f"{planted(number)}, which nobody has asked for.\n"
    ).encode()


def held(folder: pathlib.Path, words: list[str]) -> dict[str, set[str]]:
    """Which of the words stand in which files of a folder."""
    found: dict[str, set[str]] = {word: set() for word in words}
    for path in folder.rglob("*"):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:
            continue
        for word in words:
            if word.encode() in content:
                found[word].add(str(path.relative_to(folder)))
    return found


def words_told(client: OpenAI, store: str, numbers: list[int], answers: list[str], talk: str) -> str:
    """Everything the server can be made to tell of these documents."""
    told = []
    for number in numbers:
        query = f"the parcel in locker number {number}"
        told.append(client.vector_stores.search(store, query=query, max_num_results=20).to_json())
    for answer in answers:
        told.append(client.responses.retrieve(answer).to_json())
    told += [item.to_json() for item in client.conversations.items.list(talk, include=["file_search_call.results"])]
    told += [file.to_json() for file in client.files.list()]
    return "\n".join(told)


@pytest.mark.timeout(1800)
def test_deleted_documents_are_told_to_nobody_and_leave_no_byte(own_server):
    client = OpenAI(base_url=f"{own_server.url}/v1", api_key=own_server.key, max_retries=0, timeout=180)
    store = client.vector_stores.create(name="lockers").id
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        files = list(
            pool.map(
                lambda n: client.files.create(file=(f"{planted(n)}.md", body(n)), purpose="assistants").id,
                range(DOCUMENTS),
            )
        )
    for start in range(0, DOCUMENTS, 500):
        client.vector_stores.file_batches.create(store, file_ids=files[start : start + 500])
    deadline = time.monotonic() + 900
    while (counts := client.vector_stores.retrieve(store).file_counts).in_progress:
        assert time.monotonic() < deadline, counts
        time.sleep(0.1)
    assert counts.completed == DOCUMENTS

    # Every tenth document goes; some of them were asked and talked about.
    gone = list(range(0, DOCUMENTS, DOCUMENTS // DELETED))
    kept = [number + 1 for number in gone]
    talk = client.conversations.create().id
    answers = []
    for number in gone[:3] + kept[:3]:
        made = client.responses.create(
            model="cairn",
            input=f"What is the parcel called that the locker number {number} holds?",
            tools=[{"type": "file_search", "vector_store_ids": [store], "max_num_results": 5}],
            include=["file_search_call.results"],
            conversation=talk,
            temperature=0,
        )
        answers.append(made.id)
    told = words_told(client, store, gone + kept, answers, talk)
    assert all(planted(number) in told for number in gone + kept), "nothing would be tested"

    erasures = [client.files.delete(files[number]).model_extra["cairn"]["erasure"] for number in gone]
    told = words_told(client, store, gone + kept, answers, talk)
    assert [number for number in gone if planted(number) in told] == []
    assert all(planted(number) in told for number in kept)

    purged = own_server.call("POST", "/cairn/v1/purge", json={}, timeout=600).json()
    assert purged["certificates"] == len(gone), purged
    found = held(own_server.data, [planted(number) for number in gone])
    assert {word: places for word, places in found.items() if places} == {}
    assert all(held(own_server.data, [planted(kept[0])]).values()), "the search finds nothing at all"
    for erasure, number in zip(erasures, gone, strict=True):
        proof = own_server.call("GET", f"/cairn/v1/erasures/{erasure}").json()
        stated = json.loads(proof["certificate"]["statement"])
        assert (proof["status"], stated["subject"]) == ("completed", files[number])
        assert stated["destroyed"]["removed"]["blobs"] == 1
    assert own_server.call("POST", "/cairn/v1/verify", json={}).json()["clean"]

    # Nor does a start bring anything back.
    assert own_server.stop() == 0
    own_server.start()
    assert held(own_server.data, [planted(number) for number in gone]) == {
        planted(number): set() for number in gone
    }
