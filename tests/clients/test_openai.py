"""The official OpenAI client: files, vector stores, search and cited answers."""

from __future__ import annotations

import re
import types
import uuid

import openai
import pytest

from conftest import EXAMPLES

DOCUMENTS = [
    "transaction-isolation.pdf",
    "routine-vacuuming.html",
    "populating-a-database.docx",
    "data-checksums.md",
]


def plain(text: str) -> str:
    """Text with its white space evened out: converters break lines differently."""
    return re.sub(r"\s+", " ", text).strip()


def document_text(server, file_id: str) -> str:
    return server.call("GET", f"/cairn/v1/files/{file_id}/text").json()["text"]


@pytest.fixture(scope="module")
def library(client, server):
    """A vector store with four documents of four kinds, and their texts."""
    store = client.vector_stores.create(name="manual")
    files = {}
    for name in DOCUMENTS:
        with (EXAMPLES / "documents" / name).open("rb") as stream:
            files[name] = client.files.create(file=stream, purpose="assistants").id
    for file_id in files.values():
        attached = client.vector_stores.files.create_and_poll(
            file_id, vector_store_id=store.id, poll_interval_ms=50
        )
        assert attached.status == "completed", attached.last_error
    texts = {file_id: document_text(server, file_id) for file_id in files.values()}
    return types.SimpleNamespace(store=store.id, files=files, texts=texts)


def file_search(library, **more) -> dict:
    return {"type": "file_search", "vector_store_ids": [library.store], **more}


def check_citation(library, annotation: dict, answer: str) -> None:
    """A citation names an attached file, and quotes words that stand there."""
    assert annotation["type"] == "file_citation"
    assert library.files[annotation["filename"]] == annotation["file_id"]
    assert 0 <= annotation["index"] <= len(answer)
    ours, text = annotation["cairn"], library.texts[annotation["file_id"]]
    assert ours["quote"] and ours["quote"] in text
    assert plain(ours["quote"]) in plain(text[ours["char_start"] : ours["char_end"]])
    assert 0 <= ours["sentence_start"] < ours["sentence_end"] <= len(answer)
    assert 0.0 <= ours["support"] <= 1.0
    assert isinstance(ours["supported"], bool)
    if annotation["filename"].endswith(".pdf"):
        assert ours["page"] >= 1
    else:
        assert ours["heading"]


def message_of(response):
    """The answer's text part."""
    return next(item for item in response.output if item.type == "message").content[0]


def test_a_file_comes_back_as_it_went(client, library):
    path = EXAMPLES / "documents" / "transaction-isolation.pdf"
    known = client.files.retrieve(library.files[path.name])
    assert (known.filename, known.bytes, known.purpose) == (path.name, path.stat().st_size, "assistants")
    assert client.files.content(known.id).read() == path.read_bytes()


def test_listing_files_pages_through_all_of_them_once(client, library):
    seen = [file.id for file in client.files.list(limit=1)]
    assert len(seen) == len(set(seen))
    assert set(library.files.values()) <= set(seen)


def test_a_vector_store_counts_its_files(client, library):
    store = client.vector_stores.retrieve(library.store)
    assert (store.name, store.status) == ("manual", "completed")
    assert (store.file_counts.completed, store.file_counts.total) == (len(DOCUMENTS), len(DOCUMENTS))
    assert store.usage_bytes > 0
    listed = [file.id for file in client.vector_stores.files.list(library.store)]
    assert sorted(listed) == sorted(library.files.values())


@pytest.mark.parametrize("kind", ["pdf", "html"])
def test_search_finds_the_words_that_hold_the_answer(client, library, questions, kind):
    known = questions[kind]
    found = client.vector_stores.search(library.store, query=known["question"], max_num_results=10).data
    assert 0 < len(found) <= 10
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    holding = [hit for hit in found if known["words"] in plain(hit.content[0].text)]
    assert holding, [plain(hit.content[0].text)[:80] for hit in found]
    hit = holding[0]
    assert hit.file_id == library.files[known["file"]]
    ours, text = hit.model_extra["cairn"], library.texts[hit.file_id]
    assert known["words"] in plain(text[ours["char_start"] : ours["char_end"]])
    if known["page"]:
        assert ours["page"] in (known["page"] - 1, known["page"])


def test_search_honours_filters_on_attributes(client, library):
    file_id = library.files["data-checksums.md"]
    client.vector_stores.files.update(
        file_id, vector_store_id=library.store, attributes={"shelf": "short", "year": 2023}
    )
    only = {"type": "and", "filters": [
        {"type": "eq", "key": "shelf", "value": "short"},
        {"type": "gte", "key": "year", "value": 2020},
    ]}
    found = client.vector_stores.search(library.store, query="isolation of transactions", filters=only).data
    assert {hit.file_id for hit in found} == {file_id}
    none = {"type": "eq", "key": "shelf", "value": "long"}
    assert client.vector_stores.search(library.store, query="checksums", filters=none).data == []


@pytest.mark.parametrize("kind", ["pdf", "html"])
def test_an_answer_cites_what_stands_in_the_documents(client, library, questions, kind):
    known = questions[kind]
    response = client.responses.create(
        model="cairn",
        input=known["question"],
        tools=[file_search(library)],
        include=["file_search_call.results"],
        temperature=0,
    )
    assert response.status == "completed"
    assert [item.type for item in response.output] == ["file_search_call", "message"]
    call, part = response.output[0], message_of(response)
    assert call.status == "completed" and call.queries
    assert any(known["words"] in plain(result.text) for result in call.results)
    assert part.text and part.text == response.output_text
    ours = response.model_extra["cairn"]
    assert ours["refused"] is False and ours["mode"] == "generative"
    assert part.annotations, f"no citation in: {part.text}"
    for annotation in part.annotations:
        check_citation(library, annotation.model_dump(), part.text)
    assert library.files[known["file"]] in {annotation.file_id for annotation in part.annotations}
    usage = response.usage
    assert usage.input_tokens > 0 and usage.output_tokens > 0
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens


def test_search_results_stay_out_of_an_answer_that_did_not_ask(client, library, questions):
    response = client.responses.create(
        model="cairn", input=questions["pdf"]["question"], tools=[file_search(library)]
    )
    assert response.output[0].results is None


def test_what_the_documents_do_not_say_is_refused(client, library, questions):
    response = client.responses.create(
        model="cairn", input=questions["unknown"]["question"], tools=[file_search(library)]
    )
    ours = response.model_extra["cairn"]
    assert ours["refused"] is True, response.output_text
    assert ours["reason"]
    assert message_of(response).annotations == []
    assert isinstance(ours["nearest"], list)


EVENT_ORDER = re.compile(
    r"response\.created response\.in_progress "
    r"response\.output_item\.added response\.file_search_call\.in_progress "
    r"response\.file_search_call\.searching response\.file_search_call\.completed "
    r"response\.output_item\.done "
    r"response\.output_item\.added response\.content_part\.added "
    r"response\.output_text\.delta (response\.output_text\.(delta|annotation\.added) )*"
    r"response\.output_text\.done response\.content_part\.done response\.output_item\.done "
    r"response\.completed"
)


def test_a_streamed_answer_has_the_events_in_order(client, library, questions):
    stream = client.responses.create(
        model="cairn", input=questions["pdf"]["question"], tools=[file_search(library)], stream=True
    )
    events = list(stream)
    kinds = " ".join(event.type for event in events)
    assert EVENT_ORDER.fullmatch(kinds), kinds
    assert [event.sequence_number for event in events] == list(range(len(events)))
    final = events[-1].response
    part = message_of(final)
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    done = next(event for event in events if event.type == "response.output_text.done")
    assert "".join(deltas) == done.text == part.text
    added = [event.annotation for event in events if event.type == "response.output_text.annotation.added"]
    assert len(added) == len(part.annotations) > 0
    for annotation in added:
        shape = annotation if isinstance(annotation, dict) else annotation.model_dump()
        check_citation(library, shape, part.text)


def test_the_clients_own_accumulator_accepts_the_stream(client, library, questions):
    with client.responses.stream(
        model="cairn", input=questions["html"]["question"], tools=[file_search(library)]
    ) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    assert final.status == "completed"
    assert message_of(final).annotations


def test_a_stored_answer_is_read_again_and_deleted(client, library, questions):
    made = client.responses.create(
        model="cairn", input=questions["pdf"]["question"], tools=[file_search(library)]
    )
    assert client.responses.retrieve(made.id).output_text == made.output_text
    client.responses.delete(made.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(made.id)


def test_a_file_batch_takes_many_files_at_once(client):
    store = client.vector_stores.create(name="batch")
    streams = [(f"note-{n}.md", f"# Note {n}\n\nThe locker {n} holds a lantern.\n".encode()) for n in range(8)]
    batch = client.vector_stores.file_batches.upload_and_poll(
        store.id, files=streams, poll_interval_ms=50
    )
    assert (batch.status, batch.file_counts.completed, batch.file_counts.total) == ("completed", 8, 8)


def test_what_is_deleted_is_never_found_again(client):
    word = f"zanzibar{uuid.uuid4().hex[:12]}"
    store = client.vector_stores.create(name="short-lived")
    body = f"# Memo\n\nThe code word of the expedition is {word}, and nobody else knows it.\n".encode()
    file = client.files.create(file=("memo.md", body), purpose="assistants")
    client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id, poll_interval_ms=50)

    def hits() -> list:
        found = client.vector_stores.search(store.id, query=f"code word {word}").data
        return [hit for hit in found if word in hit.content[0].text]

    assert hits()
    assert client.files.delete(file.id).deleted
    assert hits() == []
    for gone in (
        lambda: client.files.retrieve(file.id),
        lambda: client.files.content(file.id),
        lambda: client.vector_stores.files.retrieve(file.id, vector_store_id=store.id),
    ):
        with pytest.raises(openai.NotFoundError):
            gone()
    assert client.vector_stores.retrieve(store.id).file_counts.total == 0


def test_detaching_takes_a_file_out_of_search_but_keeps_it(client):
    word = f"marmot{uuid.uuid4().hex[:12]}"
    store = client.vector_stores.create(name="detach")
    file = client.files.create(
        file=("marmots.txt", f"The oldest animal of the colony is called {word}.".encode()),
        purpose="assistants",
    )
    client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id, poll_interval_ms=50)
    assert client.vector_stores.search(store.id, query=word).data
    assert client.vector_stores.files.delete(file.id, vector_store_id=store.id).deleted
    assert client.vector_stores.search(store.id, query=word).data == []
    assert client.files.retrieve(file.id).id == file.id


def test_a_deleted_vector_store_answers_nothing(client):
    store = client.vector_stores.create(name="doomed")
    assert client.vector_stores.delete(store.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.retrieve(store.id)
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.search(store.id, query="anything")
