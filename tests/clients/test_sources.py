"""Sources kept in step: power cuts in the middle of runs, nothing lost, nothing twice."""

from __future__ import annotations

import os
import pathlib
import time

import pytest
from openai import OpenAI

from cairn_server import Server

FILES = 1000 if os.environ.get("SOAK") == "1" else 150
SETTLE_SECONDS = 900


def token(number: int, version: int = 1) -> str:
    """A word of one version of one file that stands nowhere else."""
    return f"tok{number:05d}v{version}x"


def body(number: int, version: int = 1) -> str:
    return (
        f"# Expedition {number}\n\nThe party of expedition {number} carried the token {token(number, version)} "
        f"over the pass and left it under the highest cairn.\n"
    )


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    made = tmp_path / "documents"
    made.mkdir()
    return made


@pytest.fixture
def server(tmp_path: pathlib.Path, folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch):
    """A server that may read the folder."""
    monkeypatch.setenv("CAIRN_SOURCES__FOLDERS", str(folder))
    running = Server(tmp_path / "data").start()
    yield running
    if running.process.poll() is None:
        assert running.stop() == 0, f"the server did not end cleanly\n{running.tail()}"


def stock_client(server: Server) -> OpenAI:
    return OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=180)


def source(server: Server, name: str) -> dict:
    return server.call("GET", f"/cairn/v1/sources/{name}").json()


def settled(server: Server, name: str) -> dict:
    """The source once its run has ended."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while (shown := source(server, name))["status"] in ("queued", "syncing"):
        assert time.monotonic() < deadline, shown
        time.sleep(0.1)
    return shown


def add(server: Server, store: str, folder: pathlib.Path) -> str:
    wish = {"vector_store_id": store, "every_seconds": 0, "config": {"type": "folder", "path": str(folder)}}
    return server.call("POST", "/cairn/v1/sources", json=wish).json()["id"]


def check(server: Server, store: str, there: dict[int, int], sample: int = 40) -> None:
    """Every file is there once, in the version it has, and nothing else is."""
    client = stock_client(server)
    listed = list(client.vector_stores.files.list(store, limit=100))
    assert {file.status for file in listed} == {"completed"}
    assert len(listed) == len({file.id for file in listed}) == len(there)
    assert sorted(file.id for file in client.files.list()) == sorted(file.id for file in listed)
    numbers = sorted(there)
    for number in numbers[:: max(1, len(numbers) // sample)]:
        word = token(number, there[number])
        found = client.vector_stores.search(store, query=f"token {word}", max_num_results=20).data
        holding = [hit.filename for hit in found if word in hit.content[0].text]
        assert holding == [f"expedition-{number}.md"], f"{word} stands once; found in {holding}"
    assert server.call("POST", "/cairn/v1/verify", json={}).json()["clean"]


@pytest.mark.timeout(2400)
def test_kills_in_the_middle_of_runs_lose_and_double_nothing(server: Server, folder: pathlib.Path):
    for number in range(FILES):
        (folder / f"expedition-{number}.md").write_text(body(number))
    store = stock_client(server).vector_stores.create(name="expeditions").id
    name = add(server, store, folder)
    # Three cuts while the first run is under way.
    for share in (0.1, 0.4, 0.7):
        while (ready := source(server, name)["items"]["ready"]) < FILES * share:
            time.sleep(0.02)
        server.kill()
        assert ready < FILES, "the run was over before the kill: too little was tested"
        server.start()
    shown = settled(server, name)
    assert shown["last_run"]["outcome"] == "completed", shown
    there = dict.fromkeys(range(FILES), 1)
    check(server, store, there)

    # And while changes, renames and deletes are followed.
    for number in range(0, FILES, 3):
        (folder / f"expedition-{number}.md").write_text(body(number, 2))
        there[number] = 2
    for number in range(1, FILES, 6):
        (folder / f"expedition-{number}.md").unlink()
        del there[number]
    asked = f"/cairn/v1/sources/{name}/sync"
    server.call("POST", asked, json={})
    time.sleep(0.5)
    for wait in (0.5, 1.0):
        server.kill()
        server.start()
        time.sleep(wait)
    shown = settled(server, name)
    assert (shown["items"]["ready"], shown["items"]["failed"]) == (len(there), 0), shown
    check(server, store, there)
    client = stock_client(server)
    for number in (0, 1, 3, 7):
        word = token(number)
        found = client.vector_stores.search(store, query=f"token {word}", max_num_results=20).data
        told = "".join(part.text for hit in found for part in hit.content)
        assert word not in told, f"{word} is of an older version or of a deleted file"

    # A run after that has nothing to do.
    server.call("POST", asked, json={})
    counts = settled(server, name)["last_run"]["counts"]
    assert (counts["added"], counts["updated"], counts["deleted"]) == (0, 0, 0), counts
    assert counts["unchanged"] == len(there)


def test_a_run_says_how_far_it_is_and_stops_when_paused(server: Server, folder: pathlib.Path):
    # More than a run fetches ahead until it sees that it is paused.
    files = 2 * FILES
    for number in range(files):
        (folder / f"expedition-{number}.md").write_text(body(number))
    store = stock_client(server).vector_stores.create(name="expeditions").id
    name = add(server, store, folder)
    seen = []
    while (shown := source(server, name))["items"]["ready"] < 50:
        if shown["progress"]:
            seen.append(shown["progress"])
        time.sleep(0.05)
    assert any(one["items_total"] == files and one["bytes_total"] > 0 for one in seen), seen
    assert any(one["eta_seconds"] is not None for one in seen), seen
    done = [one["items_done"] for one in seen]
    assert done[-1] <= files and done[-1] > 0
    server.call("POST", f"/cairn/v1/sources/{name}/pause", json={})
    deadline = time.monotonic() + 60
    while source(server, name)["status"] != "paused":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    # What was fetched is still read; no more is fetched.
    taken = source(server, name)["items"]["total"]
    assert taken < files, "the run was over before the pause: nothing was tested"
    time.sleep(1.0)
    assert source(server, name)["items"]["total"] == taken
    server.call("POST", f"/cairn/v1/sources/{name}/resume", json={})
    shown = settled(server, name)
    assert shown["items"]["ready"] == files, shown
    check(server, store, dict.fromkeys(range(files), 1), sample=10)
