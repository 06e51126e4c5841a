"""Files that cannot be read fail by themselves, with a reason, and take nothing else down."""

from __future__ import annotations

import openai
import pytest

import samples


@pytest.fixture(scope="module")
def store(client) -> str:
    return client.vector_stores.create(name="bad files").id


def attach(client, store: str, name: str, body: bytes):
    file = client.files.create(file=(name, body), purpose="assistants")
    return client.vector_stores.files.create_and_poll(file.id, vector_store_id=store, poll_interval_ms=50)


@pytest.mark.parametrize(
    ("name", "body", "code", "word"),
    [
        ("program.bin", samples.binary_noise(), "unsupported_file", ""),
        ("locked.pdf", samples.password_pdf(), "invalid_file", "password"),
        ("half.docx", samples.truncated_docx(), "invalid_file", ""),
        ("broken.pdf", b"%PDF-1.7\n" + samples.binary_noise(), "invalid_file", ""),
    ],
)
def test_an_unreadable_file_says_why(client, store, name, body, code, word):
    attached = attach(client, store, name, body)
    assert attached.status == "failed"
    assert attached.last_error.code == code
    assert attached.last_error.message
    assert word in attached.last_error.message.lower()


def test_an_empty_file_is_refused_or_fails(client, store):
    try:
        attached = attach(client, store, "empty.txt", b"")
    except openai.BadRequestError as refused:
        assert "empty" in refused.message.lower()
        return
    assert attached.status == "failed"
    assert "empty" in attached.last_error.message.lower()


def test_a_good_file_beside_bad_ones_is_found(client, store):
    good = attach(client, store, "minutes.docx", samples.word_document(["The quorum was reached at noon."]))
    assert good.status == "completed", good.last_error
    found = client.vector_stores.search(store, query="When was the quorum reached?").data
    assert found[0].file_id == good.id and "noon" in found[0].content[0].text


def test_a_batch_counts_what_failed(client):
    store = client.vector_stores.create(name="mixed").id
    batch = client.vector_stores.file_batches.upload_and_poll(
        store,
        files=[("fine.md", b"# Fine\n\nAll is well on the ridge.\n"), ("half.docx", samples.truncated_docx())],
        poll_interval_ms=50,
    )
    assert (batch.file_counts.completed, batch.file_counts.failed, batch.file_counts.total) == (1, 1, 2)


def test_attaching_what_does_not_exist_is_not_found(client, store):
    with pytest.raises(openai.NotFoundError):
        client.vector_stores.files.create(vector_store_id=store, file_id="file-does-not-exist")
