"""One real server for the session, and stock clients for it."""

from __future__ import annotations

import json
import pathlib

import pytest
from openai import OpenAI

import tensors
from cairn_server import REPOSITORY, Server

EXAMPLES = REPOSITORY / "examples"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory):
    """A server with the small LLM; must end with 0 when asked to stop."""
    running = Server(tmp_path_factory.mktemp("shared") / "data").start()
    yield running
    assert running.stop() == 0, f"the server did not end cleanly\n{running.tail()}"


@pytest.fixture
def own_server(tmp_path: pathlib.Path):
    """A server for one test that may kill it."""
    running = Server(tmp_path / "data").start()
    yield running
    if running.process.poll() is None:
        assert running.stop() == 0, f"the server did not end cleanly\n{running.tail()}"


@pytest.fixture(scope="session")
def trained(server: Server):
    """A classifier trained through the API and deployed, and fresh rows for it."""
    return tensors.train(server)


@pytest.fixture(scope="session")
def client(server: Server) -> OpenAI:
    """The official client, which must not paper over failures by retrying."""
    return OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=180)


@pytest.fixture(scope="session")
def questions() -> dict[str, dict]:
    """The demo's questions: two that the examples answer, one that they do not."""
    listed = json.loads((EXAMPLES / "questions.json").read_text(encoding="utf-8"))["questions"]
    known = [question for question in listed if question["answered"]]
    return {"pdf": known[0], "html": known[1], "unknown": next(q for q in listed if not q["answered"])}


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """A failed test shows the end of its server's log."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for name in ("server", "own_server"):
            if isinstance(running := item.funcargs.get(name), Server):
                report.sections.append((f"log of {name}", running.tail()))
