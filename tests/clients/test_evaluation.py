"""`cairn eval`: questions from a file, configurations beside each other, the exit status of a script."""

from __future__ import annotations

import json
import pathlib
import subprocess
import time

import pytest
from openai import OpenAI

from cairn_server import Server, binary

# Each with a question of other words, and with one word of another document.
PLACES = {
    "keeper.md": (
        "The last keeper of the Orrin tower was Ida Thorvald. She left the tower in the spring of 1989.",
        "Which woman looked after the old lighthouse at the end, before winter?",
    ),
    "ferry.md": (
        "Ferries cross the Lune strait every two hours in summer and twice a day in winter.",
        "How often do boats travel over the water in a month?",
    ),
    "bakery.md": (
        "The bakery on Mill Lane sells rye bread, cinnamon rolls and almond cake from six in the morning.",
        "Where can somebody buy pastries early, before school?",
    ),
    "clinic.md": (
        "The clinic vaccinates children against measles on the first Tuesday of each month.",
        "When do kids get their shots from the village doctor?",
    ),
    "school.md": (
        "Pupils at the village school learn the violin and the flute in their third year.",
        "Which musical instruments are taught to young students in spring?",
    ),
    "goats.md": (
        "Goats graze on the northern cliffs and are milked at dawn to make a hard white cheese.",
        "Which farm animals give dairy products on the lane?",
    ),
}


@pytest.fixture(scope="module")
def store(server: Server, client: OpenAI) -> str:
    """A store of places that others' tests do not touch."""
    made = client.vector_stores.create(name="measured places")
    for name, (text, _) in PLACES.items():
        file = client.files.create(file=(name, text.encode()), purpose="assistants")
        client.vector_stores.files.create_and_poll(vector_store_id=made.id, file_id=file.id)
    counts = client.vector_stores.retrieve(made.id).file_counts
    assert counts.completed == len(PLACES), counts
    return made.id


@pytest.fixture
def questions(tmp_path: pathlib.Path) -> pathlib.Path:
    lines = [json.dumps({"question": question, "relevant": [name]}) for name, (_, question) in PLACES.items()]
    file = tmp_path / "questions.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def evaluate(server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(binary()), "eval", "measured places", *arguments, "--url", server.url, "--key", server.key]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def test_a_script_learns_from_the_exit_status_that_it_got_worse(server, store, questions, tmp_path):
    report = tmp_path / "report.html"
    first = evaluate(server, "--questions", str(questions), "--tune", "--report", str(report), "--json")
    assert first.returncode == 0, first.stderr
    run = json.loads(first.stdout)
    assert run["status"] == "succeeded"
    figures = run["result"]["configurations"][0]["figures"]
    assert figures["recall_at_5"]["value"] >= 0.75, figures
    assert run["result"]["tuning"]["applied"] is False
    page = report.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and "<svg" in page and "<script" not in page

    again = evaluate(server, "--questions", str(questions))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "NDCG@10" in again.stdout

    # The same name, and a search by words alone, which the foreign words mislead.
    words = tmp_path / "words.json"
    words.write_text(json.dumps([{"name": "default", "dense_weight": 0}]), encoding="utf-8")
    worse = evaluate(server, "--questions", str(questions), "--configurations", str(words))
    assert worse.returncode == 3, worse.stdout + worse.stderr
    assert "WORSE than" in worse.stdout

    listed = server.call("GET", "/cairn/v1/question_sets", params={"store": store}).json()["data"]
    assert [made["name"] for made in listed] == ["questions"], "the same file is one set"


def test_what_cannot_be_read_is_said_before_anything_runs(server, store, tmp_path):
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"question": "Who?", "relevant": ["keeper.md"]}\n{oops\n', encoding="utf-8")
    told = evaluate(server, "--questions", str(broken))
    assert told.returncode == 2 and "line 2" in told.stderr, told.stderr
    typo = tmp_path / "typo.json"
    typo.write_text('[{"question": "Who?", "relevant": ["keper.md"]}]', encoding="utf-8")
    told = evaluate(server, "--questions", str(typo))
    assert told.returncode == 2 and "keper.md" in told.stderr, told.stderr


def test_a_store_is_given_a_threshold_and_its_default_again(server, store):
    def ranking(*arguments: str) -> str:
        command = [str(binary()), "stores", "ranking", "measured places", *arguments]
        command += ["--url", server.url, "--key", server.key]
        told = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert told.returncode == 0, told.stderr
        return told.stdout

    assert "threshold     0.9000 (given)" in ranking("--threshold", "0.9")
    assert "threshold     0.9000 (given)" in ranking()
    assert "threshold     0.3333 (default)" in ranking("--reset")


@pytest.mark.timeout(600)
def test_a_model_writes_questions_that_its_passage_supports(server, store):
    wish = {"store": store, "name": "written", "generate": {"count": 2, "method": "model"}}
    made = server.call("POST", "/cairn/v1/question_sets", expect=202, json=wish).json()
    path = f"/cairn/v1/question_sets/{made['id']}"
    deadline = time.monotonic() + 500
    while (made := server.call("GET", path).json())["status"] == "generating":
        assert time.monotonic() < deadline, made
        time.sleep(0.5)
    # A small model may write nothing that can be kept; what is kept is its own and supported.
    assert made["status"] in ("ready", "failed"), made
    texts = {name: text for name, (text, _) in PLACES.items()}
    files = {file["id"]: file["filename"] for file in server.call("GET", "/v1/files").json()["data"]}
    for question in server.call("GET", f"{path}/questions").json()["data"]:
        assert question["origin"] == "model" and question["question"].endswith("?")
        place = question["relevant"][0]
        words = texts[files[place["file"]]][place["char_start"] : place["char_end"]].lower()
        answer = question["expected_answer"][0].lower().split()
        assert any(word.strip(".,") in words for word in answer), question
    server.call("DELETE", path)
