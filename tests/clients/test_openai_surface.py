"""The official OpenAI client's surface for files, uploads, vector stores, batches, responses
and conversations: every call that the package has, streamed and not."""

from __future__ import annotations

import hashlib
import time
import types
import uuid

import openai
import pytest
from openai import OpenAI

KEEPER = (
    "# The tower at Cape Orrin\n\n## Keepers\n\nThe last keeper of the Orrin tower was Ida Thorvald. "
    "She left the tower in the spring of 1989.\n"
)
LAMP = "# Lamp\n\nThe lamp of the Orrin tower was replaced in 1974 by an electric one of 1200 watts.\n"
QUESTION = "Who was the last keeper of the Orrin tower?"


@pytest.fixture(scope="module")
def library(client):
    """A vector store with two documents."""
    store = client.vector_stores.create(name="surface", metadata={"shelf": "north"})
    files = [
        client.files.create(file=(name, text.encode()), purpose="assistants").id
        for name, text in [("keepers.md", KEEPER), ("lamp.md", LAMP)]
    ]
    for file_id in files:
        attached = client.vector_stores.files.create_and_poll(
            file_id, vector_store_id=store.id, poll_interval_ms=50
        )
        assert attached.status == "completed", attached.last_error
    return types.SimpleNamespace(store=store.id, files=files)


def tool(library) -> dict:
    return {"type": "file_search", "vector_store_ids": [library.store]}


def refusal(call, kind=openai.BadRequestError, param: str | None = None):
    """The error a call fails with; OpenAI's shape."""
    with pytest.raises(kind) as failed:
        call()
    body = failed.value.body
    assert body["message"] and body["type"] and {"param", "code"} <= set(body)
    if param:
        assert body["param"] == param, body
    return failed.value


# Files


def test_a_file_says_when_it_ends(client):
    file = client.files.create(
        file=("short.txt", b"A short life."),
        purpose="user_data",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert file.expires_at == file.created_at + 3600
    assert client.files.retrieve(file.id).expires_at == file.expires_at
    forever = client.files.create(file=("long.txt", b"A long life."), purpose="user_data")
    assert forever.expires_at is None
    for seconds in (3599, 2_592_001):
        refusal(
            lambda seconds=seconds: client.files.create(
                file=("x.txt", b"x"),
                purpose="user_data",
                expires_after={"anchor": "created_at", "seconds": seconds},
            ),
            param="expires_after",
        )


def test_files_are_listed_by_purpose_in_both_orders_and_both_ways(client):
    made = [client.files.create(file=(f"{n}.txt", b"x"), purpose="evals").id for n in range(5)]
    assert [file.id for file in client.files.list(purpose="evals", order="asc")] == made
    assert [file.id for file in client.files.list(purpose="evals", order="desc")] == made[::-1]
    assert [file.id for file in client.files.list(purpose="evals", order="asc", limit=2)] == made
    page = client.files.list(purpose="evals", order="asc", limit=2, after=made[1])
    assert [file.id for file in page.data] == made[2:4] and page.has_more
    refusal(lambda: client.files.list(limit=0), param="limit")
    refusal(lambda: client.files.list(order="up"), param="order")


def test_a_file_is_waited_for_and_read(client):
    file = client.files.create(file=("wait.txt", b"worth waiting for"), purpose="assistants")
    assert client.files.wait_for_processing(file.id, poll_interval=0.05).status == "processed"
    assert client.files.content(file.id).read() == b"worth waiting for"
    deleted = client.files.delete(file.id)
    assert deleted.deleted and deleted.model_extra["cairn"]["erasure"].startswith("era_")
    for call in (client.files.retrieve, client.files.content, client.files.delete):
        refusal(lambda call=call: call(file.id), openai.NotFoundError)


# Uploads


def test_an_upload_in_parts_is_a_file(client):
    body = uuid.uuid4().bytes * 5000
    upload = client.uploads.create(
        bytes=len(body), filename="parts.bin", mime_type="application/octet-stream", purpose="user_data"
    )
    assert upload.status == "pending" and upload.expires_at == upload.created_at + 3600
    thirds = [body[:30_000], body[30_000:60_000], body[60_000:]]
    # They may come in any order; the list at the end says which.
    parts = {n: client.uploads.parts.create(upload.id, data=thirds[n]).id for n in (2, 0, 1)}
    in_order = [parts[n] for n in range(3)]
    refusal(lambda: client.uploads.complete(upload.id, part_ids=in_order[:2]), param="part_ids")
    refusal(lambda: client.uploads.complete(upload.id, part_ids=in_order, md5="0" * 32), param="md5")
    done = client.uploads.complete(upload.id, part_ids=in_order, md5=hashlib.md5(body).hexdigest())
    assert done.status == "completed" and done.file.bytes == len(body)
    assert client.files.content(done.file.id).read() == body
    assert client.uploads.complete(upload.id, part_ids=in_order).file.id == done.file.id
    refusal(lambda: client.uploads.cancel(upload.id))
    refusal(lambda: client.uploads.parts.create(upload.id, data=b"late"))


def test_an_upload_in_chunks_by_the_clients_own_helper(client, tmp_path):
    path = tmp_path / "chunked.txt"
    path.write_bytes(b"twenty bytes of text")
    done = client.uploads.upload_file_chunked(
        file=path, mime_type="text/plain", purpose="assistants", part_size=7
    )
    assert done.status == "completed" and done.file.filename == "chunked.txt"
    assert client.files.content(done.file.id).read() == path.read_bytes()


def test_a_cancelled_upload_takes_no_more_parts(client):
    upload = client.uploads.create(bytes=4, filename="x.txt", mime_type="text/plain", purpose="assistants")
    client.uploads.parts.create(upload.id, data=b"four")
    assert client.uploads.cancel(upload.id).status == "cancelled"
    assert client.uploads.cancel(upload.id).status == "cancelled"
    refusal(lambda: client.uploads.parts.create(upload.id, data=b"more"))
    refusal(lambda: client.uploads.complete(upload.id, part_ids=[]))
    refusal(lambda: client.uploads.cancel("upload_none"), openai.NotFoundError)


# Vector stores, their files and batches


def test_a_vector_store_is_made_changed_listed_and_deleted(client):
    made = client.vector_stores.create(
        name="first", metadata={"a": "1"}, expires_after={"anchor": "last_active_at", "days": 7}
    )
    assert made.expires_after.days == 7 and made.expires_at == made.last_active_at + 7 * 86_400
    changed = client.vector_stores.update(made.id, name="second", metadata={"b": "2"})
    assert (changed.name, changed.metadata) == ("second", {"b": "2"})
    cleared = client.vector_stores.update(made.id, expires_after=None, metadata=None)
    assert (cleared.expires_after, cleared.expires_at, cleared.metadata) == (None, None, {})
    assert cleared.name == "second"
    others = [client.vector_stores.create(name=f"page {n}").id for n in range(3)]
    newest = client.vector_stores.list(limit=2)
    assert [store.id for store in newest.data] == others[::-1][:2] and newest.has_more
    before = client.vector_stores.list(limit=2, before=others[0])
    assert [store.id for store in before.data] == others[::-1][:2]
    seen = [store.id for store in client.vector_stores.list(limit=1)]
    assert len(seen) == len(set(seen)) and {made.id, *others} <= set(seen)
    assert client.vector_stores.delete(made.id).deleted
    refusal(lambda: client.vector_stores.retrieve(made.id), openai.NotFoundError)
    refusal(lambda: client.vector_stores.create(metadata={"k" * 65: "v"}), param="metadata")
    refusal(lambda: client.vector_stores.create(metadata={"k": "v" * 513}), param="metadata")
    refusal(lambda: client.vector_stores.create(metadata={str(n): "v" for n in range(17)}), param="metadata")
    refusal(
        lambda: client.vector_stores.create(expires_after={"anchor": "last_active_at", "days": 366}),
        param="expires_after",
    )


def test_files_of_a_store_are_attached_read_changed_and_detached(client):
    store = client.vector_stores.create(name="files")
    attached = client.vector_stores.files.upload_and_poll(
        vector_store_id=store.id, file=("lamp.md", LAMP.encode()), poll_interval_ms=50
    )
    assert attached.status == "completed" and attached.chunking_strategy.type == "static"
    page = client.vector_stores.files.content(attached.id, vector_store_id=store.id)
    assert "1200 watts" in "".join(part.text for part in page.data)
    changed = client.vector_stores.files.update(
        attached.id, vector_store_id=store.id, attributes={"year": 1974, "electric": True}
    )
    assert changed.attributes == {"year": 1974, "electric": True}
    again = client.vector_stores.files.create(store.id, file_id=attached.id, attributes={"year": 1975})
    assert (again.status, again.attributes) == ("completed", {"year": 1975})
    assert [file.id for file in client.vector_stores.files.list(store.id, filter="completed")] == [attached.id]
    assert client.vector_stores.files.list(store.id, filter="failed").data == []
    assert client.vector_stores.files.delete(attached.id, vector_store_id=store.id).deleted
    refusal(
        lambda: client.vector_stores.files.retrieve(attached.id, vector_store_id=store.id), openai.NotFoundError
    )


def test_the_content_of_a_file_in_a_store_is_its_text_once(client):
    text = "\n\n".join(f"Beacon {n} stands on its own rock, {n} miles off the coast of Orrin." for n in range(60))
    store = client.vector_stores.create(name="content")
    file = client.files.create(file=("beacons.txt", text.encode()), purpose="assistants")
    cutting = {"type": "static", "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 50}}
    attached = client.vector_stores.files.create_and_poll(
        file.id, vector_store_id=store.id, chunking_strategy=cutting, poll_interval_ms=50
    )
    assert attached.status == "completed", attached.last_error
    pieces = client.vector_stores.files.content(file.id, vector_store_id=store.id).data
    assert len(pieces) > 5 and all(piece.type == "text" and piece.text for piece in pieces)
    assert "".join(piece.text for piece in pieces).strip() == text


def test_filters_order_dates_and_name_files(client):
    store = client.vector_stores.create(name="dated")
    ids = {}
    for name, day in [("may.txt", "2024-05-31"), ("june.txt", "2024-06-01"), ("noon.txt", "2024-06-01T12:00")]:
        file = client.files.create(file=(name, f"The beacon was lit on {day}.".encode()), purpose="assistants")
        attached = client.vector_stores.files.create_and_poll(
            file.id, vector_store_id=store.id, attributes={"day": day}, poll_interval_ms=50
        )
        assert attached.status == "completed", attached.last_error
        ids[name] = file.id

    def found(kind, key, value):
        only = {"type": kind, "key": key, "value": value}
        return {hit.filename for hit in client.vector_stores.search(store.id, query="beacon", filters=only)}

    assert found("gte", "day", "2024-06-01") == {"june.txt", "noon.txt"}
    assert found("lte", "day", "2024-06-01") == {"may.txt", "june.txt"}
    assert found("gt", "day", 2024) == set()
    assert found("eq", "cairn.filename", "may.txt") == {"may.txt"}
    assert found("ne", "cairn.filename", "may.txt") == {"june.txt", "noon.txt"}
    assert found("in", "cairn.file_id", [ids["june.txt"], "file-none"]) == {"june.txt"}
    tool = {"type": "file_search", "vector_store_ids": [store.id]}
    only = {"type": "eq", "key": "cairn.filename", "value": "noon.txt"}
    response = client.responses.create(
        model="cairn",
        input="When was the beacon lit?",
        tools=[{**tool, "filters": only}],
        include=["file_search_call.results"],
    )
    results = next(item for item in response.output if item.type == "file_search_call").results
    assert {hit.filename for hit in results} == {"noon.txt"}
    refusal(lambda: found("gt", "day", True), param="filters")


def test_a_batch_is_made_polled_listed_and_cancelled(client):
    store = client.vector_stores.create(name="batches")
    files = [
        client.files.create(file=(f"{n}.md", f"Note {n}: the key hangs at {n}.".encode()), purpose="assistants").id
        for n in range(4)
    ]
    batch = client.vector_stores.file_batches.create_and_poll(
        store.id,
        files=[
            {"file_id": files[0], "attributes": {"n": 0}},
            {
                "file_id": files[1],
                "chunking_strategy": {
                    "type": "static",
                    "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 50},
                },
            },
        ],
        poll_interval_ms=50,
    )
    assert (batch.status, batch.file_counts.completed) == ("completed", 2)
    assert client.vector_stores.file_batches.retrieve(batch.id, vector_store_id=store.id).id == batch.id
    listed = client.vector_stores.file_batches.list_files(batch.id, vector_store_id=store.id, order="asc")
    assert [file.id for file in listed] == files[:2]
    again = client.vector_stores.file_batches.create(store.id, file_ids=files[:2])
    assert (again.status, again.file_counts.total) == ("completed", 2)
    other = client.vector_stores.file_batches.create(store.id, file_ids=files[2:])
    ended = client.vector_stores.file_batches.cancel(other.id, vector_store_id=store.id)
    assert ended.file_counts.in_progress == 0
    assert ended.file_counts.cancelled + ended.file_counts.completed == 2
    refusal(
        lambda: client.vector_stores.file_batches.create(store.id, file_ids=["file-none"]), openai.NotFoundError
    )


def test_a_search_rewrites_its_query_if_asked_to(client, library):
    question = "Could you tell me who the last keeper of the tower was?"
    page = client.vector_stores.search(library.store, query=question, rewrite_query=True)
    assert any("Ida Thorvald" in hit.content[0].text for hit in page.data)
    several = client.vector_stores.search(library.store, query=["last keeper", "lamp watts"], max_num_results=2)
    assert {hit.file_id for hit in several.data} == set(library.files)


# Responses


def test_a_response_has_all_that_the_client_reads(client, library):
    made = client.responses.create(
        model="cairn", input=QUESTION, tools=[tool(library)], metadata={"k": "v"}, temperature=0
    )
    read = client.responses.retrieve(made.id)
    assert read.to_dict() == made.to_dict()
    assert client.responses.retrieve(made.id, include=["file_search_call.results"]).output[0].results
    refusal(lambda: client.responses.retrieve(made.id, include=["bogus"]), param="include")
    assert (read.status, read.metadata, read.background) == ("completed", {"k": "v"}, False)
    listed = list(client.responses.input_items.list(made.id))
    assert [(item.role, item.content[0].text) for item in listed] == [("user", QUESTION)]
    client.responses.delete(made.id)
    refusal(lambda: client.responses.retrieve(made.id), openai.NotFoundError)
    refusal(lambda: client.responses.create(model="cairn", input="x", metadata={"k": "v" * 513}), param="metadata")


def test_a_response_follows_another_streamed_or_not(client, library):
    first = client.responses.create(model="cairn", input=QUESTION, tools=[tool(library)], temperature=0)
    whole = client.responses.create(
        model="cairn",
        input="When did she leave?",
        previous_response_id=first.id,
        tools=[tool(library)],
        temperature=0,
    )
    assert whole.previous_response_id == first.id
    assert any("keeper" in query for query in whole.output[0].queries), whole.output[0].queries
    with client.responses.stream(
        model="cairn", input="When did she leave?", previous_response_id=first.id, tools=[tool(library)], temperature=0
    ) as stream:
        events = list(stream)
        streamed = stream.get_final_response()
    assert events[0].type == "response.created"
    assert streamed.previous_response_id == first.id and streamed.output[0].queries == whole.output[0].queries
    refusal(
        lambda: client.responses.create(model="cairn", input="x", previous_response_id="resp_none"),
        openai.NotFoundError,
        param="previous_response_id",
    )


def test_a_kept_stream_is_played_again_from_any_event(client, library):
    events = list(client.responses.create(model="cairn", input=QUESTION, tools=[tool(library)], stream=True))
    made = events[-1].response
    again = list(client.responses.retrieve(made.id, stream=True))
    assert [event.type for event in again] == [event.type for event in events]
    assert [event.sequence_number for event in again] == list(range(len(events)))
    deltas = lambda some: [event.delta for event in some if event.type == "response.output_text.delta"]  # noqa: E731
    assert deltas(again) == deltas(events)
    assert again[-1].response.to_dict() == made.to_dict()
    middle = len(events) // 2
    rest = list(client.responses.retrieve(made.id, stream=True, starting_after=middle))
    assert [event.sequence_number for event in rest] == list(range(middle + 1, len(events)))


def wait(client: OpenAI, response_id: str):
    deadline = time.monotonic() + 120
    while (response := client.responses.retrieve(response_id)).status in ("queued", "in_progress"):
        assert time.monotonic() < deadline, response
        time.sleep(0.1)
    return response


def test_a_background_response_is_waited_for_followed_and_cancelled(client, library):
    queued = client.responses.create(model="cairn", input=QUESTION, tools=[tool(library)], background=True)
    assert queued.status == "queued" and queued.background
    done = wait(client, queued.id)
    assert done.status == "completed" and done.output_text
    assert client.responses.cancel(queued.id).status == "completed"

    events = list(
        client.responses.create(model="cairn", input=QUESTION, tools=[tool(library)], background=True, stream=True)
    )
    kinds = [event.type for event in events]
    assert kinds[:3] == ["response.created", "response.queued", "response.in_progress"]
    assert kinds[-1] == "response.completed"
    again = list(client.responses.retrieve(events[-1].response.id, stream=True))
    assert [event.type for event in again] == kinds

    long = client.responses.create(
        model="cairn", input="Count from one to five hundred in words.", background=True, max_output_tokens=1500
    )
    assert client.responses.cancel(long.id).status == "cancelled"
    assert client.responses.retrieve(long.id).status == "cancelled"
    plain = client.responses.create(model="cairn", input="Say hello.", max_output_tokens=8)
    refusal(lambda: client.responses.cancel(plain.id))


def test_input_tokens_are_counted(client):
    short = client.responses.input_tokens.count(model="cairn", input="Hello.")
    long = client.responses.input_tokens.count(model="cairn", input="Hello. " * 50)
    assert short.object == "response.input_tokens" and 0 < short.input_tokens < long.input_tokens
    made = client.responses.create(model="cairn", input="Hello.", max_output_tokens=1)
    assert made.usage.input_tokens == short.input_tokens


# Conversations


def test_a_conversation_is_made_changed_and_deleted(client):
    made = client.conversations.create(metadata={"topic": "towers"}, items=[{"role": "user", "content": "Hello."}])
    assert made.object == "conversation" and made.metadata == {"topic": "towers"}
    assert client.conversations.retrieve(made.id).metadata == made.metadata
    assert client.conversations.update(made.id, metadata={"topic": "lamps"}).metadata == {"topic": "lamps"}
    deleted = client.conversations.delete(made.id)
    assert (deleted.deleted, deleted.object) == (True, "conversation.deleted")
    refusal(lambda: client.conversations.retrieve(made.id), openai.NotFoundError)
    refusal(lambda: client.conversations.create(metadata={"k": "v" * 513}), param="metadata")
    refusal(
        lambda: client.conversations.create(items=[{"role": "user", "content": "x"}] * 21), param="items"
    )


def test_items_of_a_conversation_are_added_read_and_deleted(client):
    talk = client.conversations.create()
    added = client.conversations.items.create(
        talk.id,
        items=[
            {"type": "message", "role": "developer", "content": "Be brief."},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Who?"}]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Ada.", "annotations": []}]},
        ],
    )
    assert [item.role for item in added.data] == ["developer", "user", "assistant"]
    ids = [item.id for item in added.data]
    assert [item.id for item in client.conversations.items.list(talk.id, order="asc", limit=1)] == ids
    assert [item.id for item in client.conversations.items.list(talk.id)] == ids[::-1]
    page = client.conversations.items.list(talk.id, order="asc", limit=1, after=ids[0])
    assert [item.id for item in page.data] == [ids[1]] and page.has_more
    assert client.conversations.items.retrieve(ids[2], conversation_id=talk.id).content[0].text == "Ada."
    assert client.conversations.items.delete(ids[1], conversation_id=talk.id).id == talk.id
    assert [item.id for item in client.conversations.items.list(talk.id, order="asc")] == [ids[0], ids[2]]
    refusal(lambda: client.conversations.items.retrieve(ids[1], conversation_id=talk.id), openai.NotFoundError)


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_goes_on_with_its_conversation(client, library, streamed):
    talk = client.conversations.create()

    def ask(question: str):
        asked = {
            "model": "cairn",
            "input": question,
            "conversation": talk.id,
            "tools": [tool(library)],
            "include": ["file_search_call.results"],
            "temperature": 0,
        }
        if not streamed:
            return client.responses.create(**asked)
        events = list(client.responses.create(**asked, stream=True))
        assert [event.sequence_number for event in events] == list(range(len(events)))
        assert events[-1].type == "response.completed"
        return events[-1].response

    first, second = ask(QUESTION), ask("When did she leave?")
    assert first.conversation.id == second.conversation.id == talk.id
    assert any("keeper" in query for query in second.output[0].queries), second.output[0].queries
    items = list(client.conversations.items.list(talk.id, order="asc"))
    assert [item.type for item in items] == ["message", "file_search_call", "message"] * 2
    assert [item.id for item in items if item.type == "message" and item.role == "assistant"] == [
        first.output[-1].id,
        second.output[-1].id,
    ]
    assert items[1].results is None
    included = client.conversations.items.list(talk.id, order="asc", include=["file_search_call.results"])
    assert included.data[1].results
    both = {"conversation": talk.id, "previous_response_id": first.id}
    refusal(lambda: client.responses.create(model="cairn", input="x", **both), param="previous_response_id")
    refusal(
        lambda: client.responses.create(model="cairn", input="x", conversation="conv_none"),
        openai.NotFoundError,
        param="conversation",
    )


def test_a_deleted_file_is_scrubbed_from_answers_and_conversations(client):
    word = f"quartz{uuid.uuid4().hex[:10]}"
    store = client.vector_stores.create(name="scrubbed")
    file = client.files.create(
        file=("vault.md", f"# Vault\n\nThe code word of the Orrin vault is {word}, and nobody else knows it.\n".encode()),
        purpose="assistants",
    )
    client.vector_stores.files.create_and_poll(file.id, vector_store_id=store.id, poll_interval_ms=50)
    talk = client.conversations.create()
    made = client.responses.create(
        model="cairn",
        input="What is the code word of the Orrin vault?",
        tools=[{"type": "file_search", "vector_store_ids": [store.id]}],
        include=["file_search_call.results"],
        conversation=talk.id,
        temperature=0,
    )
    assert word in made.to_json()
    client.files.delete(file.id)
    read = client.responses.retrieve(made.id)
    assert word not in read.to_json() and read.model_extra["cairn"]["scrubbed"] is True
    assert all(word not in event.to_json() for event in client.responses.retrieve(made.id, stream=True))
    items = client.conversations.items.list(talk.id, include=["file_search_call.results"])
    assert all(word not in item.to_json() for item in items)
    again = client.responses.create(model="cairn", input="What was it?", conversation=talk.id, max_output_tokens=40)
    assert word not in again.to_json()


# Retries


def test_the_same_key_and_body_give_the_same_answer(server, client, library):
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = client.vector_stores.create(name="once", extra_headers=key)
    assert client.vector_stores.create(name="once", extra_headers=key).id == first.id
    refused = refusal(
        lambda: client.vector_stores.create(name="twice", extra_headers=key), openai.UnprocessableEntityError
    )
    assert refused.code == "idempotency_key_reused"
    key = {"Idempotency-Key": uuid.uuid4().hex}
    made = client.files.create(file=("a.txt", b"once"), purpose="assistants", extra_headers=key)
    assert client.files.create(file=("a.txt", b"once"), purpose="assistants", extra_headers=key).id == made.id
    key = {"Idempotency-Key": uuid.uuid4().hex}
    asked = {"model": "cairn", "input": QUESTION, "tools": [tool(library)], "stream": True, "extra_headers": key}
    events = [event.to_dict() for event in client.responses.create(**asked)]
    assert [event.to_dict() for event in client.responses.create(**asked)] == events
    retrying = OpenAI(base_url=f"{server.url}/v1", api_key=server.key, max_retries=2, timeout=180)
    once = {"Idempotency-Key": uuid.uuid4().hex}
    made = retrying.conversations.create(extra_headers=once)
    assert retrying.conversations.create(extra_headers=once).id == made.id
