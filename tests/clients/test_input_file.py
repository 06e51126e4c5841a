"""The official OpenAI client: files that stand in a question, uploaded or sent with it."""

from __future__ import annotations

import base64
import time

import openai
import pytest

from conftest import EXAMPLES

KEEPER = (
    "# Tower\n\nThe Orrin tower stands on a rock.\n\n## Keeper\n\n"
    "The last keeper of the Orrin tower was Ida Thorvald. She left the tower in the spring of 1989.\n"
)
WHO = "Who was the last keeper of the Orrin tower?"
PDF = EXAMPLES / "documents" / "transaction-isolation.pdf"


def data(path_or_text, name: str, media: str) -> dict:
    raw = path_or_text.encode() if isinstance(path_or_text, str) else path_or_text.read_bytes()
    encoded = base64.b64encode(raw).decode()
    return {"type": "input_file", "filename": name, "file_data": f"data:{media};base64,{encoded}"}


def asked(question: str, *files: dict) -> list[dict]:
    return [{"role": "user", "content": [*files, {"type": "input_text", "text": question}]}]


def ask(client, question: str, *files: dict, **more):
    return client.responses.create(model="cairn", input=asked(question, *files), **more)


def citations(answer) -> list:
    """The citations of an answer that is one message."""
    assert [item.type for item in answer.output] == ["message"], "a file in the question is no search"
    return answer.output[0].content[0].annotations


@pytest.fixture
def keeper(client):
    """A file that is in no vector store."""
    file = client.files.create(file=("keeper.md", KEEPER.encode()), purpose="user_data")
    yield file
    if any(held.id == file.id for held in client.files.list()):
        client.files.delete(file.id)


def test_an_uploaded_file_answers(client, keeper):
    answer = ask(client, WHO, {"type": "input_file", "file_id": keeper.id})
    assert answer.output_text and answer.cairn["refused"] is False
    cited = citations(answer)
    assert cited and all(note.type == "file_citation" and note.file_id == keeper.id for note in cited)
    assert any("last keeper" in note.cairn["quote"] for note in cited)
    kept = client.responses.input_items.list(answer.id).data[0]
    assert kept.content[0].type == "input_file" and kept.content[0].file_id == keeper.id


def test_a_pdf_that_is_sent_answers_with_its_pages_and_is_not_kept(client):
    question = "Which isolation level is the default in PostgreSQL?"
    answer = ask(client, question, data(PDF, "isolation.pdf", "application/pdf"))
    cited = citations(answer)
    assert cited and all(note.filename == "isolation.pdf" and note.file_id.startswith("inline-") for note in cited)
    assert any(note.cairn["page"] and note.cairn["char_end"] > note.cairn["char_start"] for note in cited)
    kept = client.responses.input_items.list(answer.id).data[0].content[0]
    assert kept.filename == "isolation.pdf" and not kept.file_data


def test_a_stream_has_the_events_of_an_answer_without_a_search(client, keeper):
    file = {"type": "input_file", "file_id": keeper.id}
    events = list(client.responses.create(model="cairn", input=asked(WHO, file), stream=True))
    kinds = [event.type for event in events]
    # A small model may go on until it is stopped.
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete")
    assert not [kind for kind in kinds if "file_search" in kind]
    said = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert said and said == events[-1].response.output_text
    assert citations(events[-1].response)
    numbers = [event.sequence_number for event in events]
    assert numbers == list(range(len(numbers)))
    again = list(client.responses.retrieve(events[-1].response.id, stream=True))
    assert [event.type for event in again] == kinds


def test_a_file_stays_in_the_talk(client, keeper):
    file = {"type": "input_file", "file_id": keeper.id}
    first = ask(client, WHO, file)
    second = client.responses.create(
        model="cairn", input="When did the last keeper leave the Orrin tower?", previous_response_id=first.id
    )
    assert not second.cairn["refused"] and {read["file_id"] for read in second.cairn["passages"]} == {keeper.id}
    talk = client.conversations.create()
    ask(client, WHO, file, conversation=talk.id)
    third = client.responses.create(
        model="cairn", input="When did the last keeper leave the Orrin tower?", conversation=talk.id
    )
    assert not third.cairn["refused"] and {read["file_id"] for read in third.cairn["passages"]} == {keeper.id}
    client.files.delete(keeper.id)
    for answer in (first, second, third):
        scrubbed = client.responses.retrieve(answer.id)
        assert "Thorvald" not in scrubbed.to_json() and "1989" not in scrubbed.output_text


def test_this_is_summarised(client, keeper):
    answer = ask(client, "Summarise this file.", {"type": "input_file", "file_id": keeper.id})
    assert answer.output_text and answer.cairn["refused"] is False
    assert citations(answer), "at least the best sentences are quoted"


def test_a_background_answer_reads_files(client, keeper):
    answer = ask(client, WHO, {"type": "input_file", "file_id": keeper.id}, background=True)
    until = time.monotonic() + 60
    while answer.status in ("queued", "in_progress") and time.monotonic() < until:
        time.sleep(0.1)
        answer = client.responses.retrieve(answer.id)
    assert answer.status in ("completed", "incomplete") and {note.file_id for note in citations(answer)} == {keeper.id}


def test_what_cannot_be_read_is_refused_with_the_remedy(client, keeper):
    def refusal(kind, *files):
        with pytest.raises(kind) as refused:
            ask(client, WHO, *files)
        return refused.value.body

    url = refusal(openai.BadRequestError, {"type": "input_file", "file_url": "https://example.org/a.pdf"})
    assert url["param"] == "input[0].content[0].file_url" and "file_data" in url["message"]
    refusal(openai.NotFoundError, {"type": "input_file", "file_id": "file-0123456789abcdef01234567"})
    both = {"type": "input_file", "file_id": keeper.id, "file_data": "SWRh"}
    assert refusal(openai.BadRequestError, both)["param"] == "input[0].content[0]"
    assert "base64" in refusal(openai.BadRequestError, {"type": "input_file", "file_data": "%%"})["message"]
    broken = data("%PDF-1.4\n", "broken.pdf", "application/pdf")
    assert "broken.pdf" in refusal(openai.APIStatusError, broken)["message"]


def test_tokens_are_counted_without_the_passages(client, keeper):
    counted = client.responses.input_tokens.count(
        model="cairn", input=asked(WHO, {"type": "input_file", "file_id": keeper.id})
    )
    assert counted.input_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_reads_files(client, keeper, stream):
    content = [{"type": "file", "file": {"file_id": keeper.id}}, {"type": "text", "text": WHO}]
    told = client.chat.completions.create(
        model="cairn", messages=[{"role": "user", "content": content}], stream=stream
    )
    if stream:
        deltas = [piece.choices[0].delta for piece in told if piece.choices]
        said = "".join(delta.content or "" for delta in deltas)
    else:
        said = told.choices[0].message.content
        assert told.choices[0].message.annotations
    assert "[1] keeper.md" in said
