"""How a stored response came about, and what changes since: by the stock client and by the command line."""

from __future__ import annotations

import json
import subprocess

import pytest

from cairn_server import Server, binary

TOWER = (
    b"# Tower\n\nThe last keeper of the Orrin tower was Ida Thorvald. She left the tower in the spring of 1989, "
    b"when the lamp was made to turn by itself.\n"
)
BRIDGE = b"# Bridge\n\nThe bridge over the Lune is inspected every second winter.\n"
QUESTION = "Who was the last keeper of the Orrin tower?"


def replay(server: Server, *more: str) -> subprocess.CompletedProcess[str]:
    command = [str(binary()), "replay", *more, "--url", server.url, "--key", server.key]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


@pytest.fixture
def answered(client):
    """A store, its two files, and a response over them by the language model."""
    store = client.vector_stores.create(name="provenance").id
    files = []
    for name, body in (("tower.md", TOWER), ("bridge.md", BRIDGE)):
        file = client.files.create(file=(name, body), purpose="assistants")
        done = client.vector_stores.files.create_and_poll(file.id, vector_store_id=store)
        assert done.status == "completed", done
        files.append(file.id)
    response = client.responses.create(
        model="cairn",
        input=QUESTION,
        temperature=0.7,
        tools=[{"type": "file_search", "vector_store_ids": [store]}],
    )
    return store, files, response


def test_the_stock_client_sees_how_a_response_came_about(client, answered):
    store, files, response = answered
    plain = client.responses.retrieve(response.id)
    assert "provenance" not in plain.cairn
    made = client.responses.retrieve(response.id, include=["cairn.provenance"]).cairn["provenance"]
    assert made["retrieval"]["stores"] == [store]
    assert made["retrieval"]["queries"] == [QUESTION]
    assert {passage["file_id"] for passage in made["passages"]} == set(files)
    assert len(made["language"]["identity"]) == len(made["embedding"]["identity"]) == 64
    assert made["sampling"]["temperature"] == pytest.approx(0.7)
    assert isinstance(made["sampling"]["seed"], int)
    roles = [turn["role"] for turn in made["prompt"]["messages"]]
    assert roles[0] == "system" and roles[-1] == "user"
    assert QUESTION in made["prompt"]["messages"][-1]["content"]
    # Each source's words are the document's, at the place that is named.
    turn = made["prompt"]["messages"][-1]["content"].encode()
    for source in made["prompt"]["sources"]:
        words = turn[source["start"] : source["end"]].decode()
        assert words in (TOWER + BRIDGE).decode(), words


def test_a_replay_writes_with_the_same_seed_and_says_what_changed(server, client, answered):
    _, files, response = answered
    done = replay(server, response.id, "--answer", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["same"] is True
    assert {passage["state"] for passage in told["passages"]} == {"same"}
    assert told["answer"]["then"] == response.output_text
    assert told["answer"]["equal"] == (told["answer"]["now"] == told["answer"]["then"])
    # The first answer read the prompt, later ones find it in the cache: the same numbers but for their last bits. Two
    # of the same kind are the same, since the seed is.
    again = json.loads(replay(server, response.id, "--answer", "--json").stdout)
    assert again["answer"]["now"] == told["answer"]["now"] != ""
    client.files.delete(files[0])
    done = replay(server, response.id)
    assert done.returncode == 0, done.stderr
    assert "gone, deleted" in done.stdout and "Thorvald" not in done.stdout
    made = client.responses.retrieve(response.id, include=["cairn.provenance"]).to_json()
    assert "Thorvald" not in made and "inspected every second winter" in made


def test_an_unknown_response_is_said_to_be_unknown(server):
    done = replay(server, "resp_none")
    assert done.returncode != 0 and "resp_none" in done.stderr
