"""Every method that the official OpenAI client has for files, uploads, vector stores, batches,
responses and conversations: by both of its clients, plain, raw and streaming. A method that the
package gains fails this until it is driven here, or left out with a reason."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import uuid

import openai
import pydantic
import pytest
from openai import AsyncOpenAI, AsyncStream, OpenAI, Stream
from openai._resource import AsyncAPIResource, SyncAPIResource

RESOURCES = ("files", "uploads", "vector_stores", "responses", "conversations")
LEFT_OUT = {"responses.connect": "answers stream as server-sent events; there are no WebSockets here"}
PARTY = "A concert on the 5th in the park. Answer as JSON."
HELLO = {"model": "cairn", "input": "Say hello.", "max_output_tokens": 8}
ENDED = ("completed", "incomplete")


class Event(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=30)
    day: int = pydantic.Field(ge=1, le=31)
    indoor: bool


def methods(client) -> set[str]:
    """All public methods of the package's resources, such as `files.create`."""
    found, todo = set(), [(name, getattr(client, name)) for name in RESOURCES]
    while todo:
        path, resource = todo.pop()
        for name in dir(type(resource)):
            if name.startswith(("_", "with_")):
                continue
            held = getattr(resource, name)
            if isinstance(held, (SyncAPIResource, AsyncAPIResource)):
                todo.append((f"{path}.{name}", held))
            elif callable(held):
                found.add(f"{path}.{name}")
    return found


class Driven:
    """A client whose methods are called in one way, and which remembers those that were."""

    def __init__(self, server, kind, way: str) -> None:
        self.real = kind(base_url=f"{server.url}/v1", api_key=server.key, max_retries=0, timeout=180)
        self.way = way
        self.loop = asyncio.new_event_loop() if kind is AsyncOpenAI else None
        self.called: set[str] = set()
        self.wrapped: set[str] = set()

    def __enter__(self) -> Driven:
        return self

    def __exit__(self, *_) -> None:
        self.wait(self.real.close())
        if self.loop:
            self.loop.close()

    def __getattr__(self, name: str) -> Resource:
        return Resource(self, getattr(self.real, name), name)

    def wait(self, value):
        """What a coroutine comes to; other values as they are."""
        return self.loop.run_until_complete(_awaited(value)) if inspect.isawaitable(value) else value

    def whole(self, value):
        """The events of a stream as a list; other values as they are."""
        if isinstance(value, Stream):
            return list(value)
        if isinstance(value, AsyncStream):
            return self.wait(_listed(value))
        return value

    def call(self, resource, path: str, args, more):
        self.called.add(path)
        name = path.rsplit(".", 1)[1]
        if path == "responses.stream":
            return self.streamed(resource.stream(*args, **more))
        prefix = {"plain": None, "raw": "with_raw_response", "streaming": "with_streaming_response"}[self.way]
        wrapped = getattr(getattr(resource, prefix), name, None) if prefix else None
        # Helpers, which make several calls, have no wrapped form.
        if wrapped is None:
            return self.whole(self.wait(getattr(resource, name)(*args, **more)))
        self.wrapped.add(path)
        if self.way == "raw":
            answer = self.wait(wrapped(*args, **more))
            assert answer.status_code == 200 and answer.headers["x-request-id"]
            return self.whole(self.wait(answer.parse()))
        manager = wrapped(*args, **more)
        answer = self.wait(manager.__aenter__()) if self.loop else manager.__enter__()
        try:
            assert answer.status_code == 200 and answer.headers["x-request-id"]
            binary = hasattr(answer, "stream_to_file")
            return self.wait(answer.read()) if binary else self.whole(self.wait(answer.parse()))
        finally:
            self.wait((manager.__aexit__ if self.loop else manager.__exit__)(None, None, None))

    def streamed(self, manager):
        """The events of the package's own stream, and its final response."""
        async def read():
            async with manager as stream:
                return [event async for event in stream], await stream.get_final_response()

        if self.loop:
            return self.wait(read())
        with manager as stream:
            return list(stream), stream.get_final_response()


class Resource:
    def __init__(self, driven: Driven, real, path: str) -> None:
        self.driven, self.real, self.path = driven, real, path

    def __getattr__(self, name: str):
        held, path = getattr(self.real, name), f"{self.path}.{name}"
        if isinstance(held, (SyncAPIResource, AsyncAPIResource)):
            return Resource(self.driven, held, path)
        return lambda *args, **more: self.driven.call(self.real, path, args, more)


async def _awaited(value):
    return await value


async def _listed(stream: AsyncStream) -> list:
    return [item async for item in stream]


@contextlib.contextmanager
def refused(kind=openai.BadRequestError, **fields):
    """The call within is refused in OpenAI's shape, with these fields."""
    with pytest.raises(kind) as failed:
        yield
    body = failed.value.body
    assert body["message"] and body["type"] and {"param", "code"} <= set(body), body
    assert {name: body[name] for name in fields} == fields, body


def files(client, folder) -> None:
    body = uuid.uuid4().hex.encode()
    made = client.files.create(file=("a.txt", body), purpose="assistants")
    assert client.files.wait_for_processing(made.id, poll_interval=0.05).status == "processed"
    assert client.files.retrieve(made.id).bytes == len(body)
    assert [file.id for file in client.files.list(purpose="assistants", limit=1).data] == [made.id]
    content = client.files.content(made.id)
    assert (content if isinstance(content, bytes) else content.read()) == body
    with pytest.warns(DeprecationWarning):
        assert client.files.retrieve_content(made.id) == body.decode()
    assert client.files.delete(made.id).deleted
    with refused(openai.NotFoundError):
        client.files.retrieve(made.id)

    wish = {"filename": "b.txt", "mime_type": "text/plain", "purpose": "assistants"}
    upload = client.uploads.create(bytes=8, **wish)
    parts = [client.uploads.parts.create(upload.id, data=data).id for data in (b"four", b"five")]
    done = client.uploads.complete(upload.id, part_ids=parts)
    assert done.status == "completed" and done.file.bytes == 8
    other = client.uploads.create(bytes=4, **wish)
    assert client.uploads.cancel(other.id).status == "cancelled"
    path = folder / "chunked.txt"
    path.write_bytes(b"twenty bytes of text")
    chunked = client.uploads.upload_file_chunked(
        file=path, mime_type="text/plain", purpose="assistants", part_size=7
    )
    assert chunked.status == "completed" and chunked.file.bytes == 20


def notes(client, count: int) -> list[str]:
    """Files, none of which has the bytes of another."""
    text = "Note {n} of {key}: the spare key hangs behind door {n}."
    return [
        client.files.create(
            file=(f"{n}.md", text.format(n=n, key=uuid.uuid4().hex).encode()), purpose="assistants"
        ).id
        for n in range(count)
    ]


def stores(client) -> None:
    store = client.vector_stores.create(name="methods")
    assert client.vector_stores.retrieve(store.id).name == "methods"
    assert client.vector_stores.update(store.id, name="all methods").name == "all methods"
    assert client.vector_stores.list(limit=1).data[0].id == store.id
    within, quick = {"vector_store_id": store.id}, {"poll_interval_ms": 50}
    first, second, *rest = notes(client, 5)

    attached = client.vector_stores.files
    assert attached.create(store.id, file_id=first).status in ("in_progress", "completed")
    assert attached.poll(first, **within, **quick).status == "completed"
    assert attached.create_and_poll(second, **within, **quick).status == "completed"
    assert attached.upload(**within, file=("c.md", b"The lamp has 1200 watts.")).id
    polled = attached.upload_and_poll(**within, file=("d.md", b"The bell rings at noon."), **quick)
    assert polled.status == "completed"
    assert attached.update(first, **within, attributes={"n": 1}).attributes == {"n": 1}
    assert attached.retrieve(first, **within).attributes == {"n": 1}
    assert {first, second, polled.id} <= {file.id for file in attached.list(store.id).data}
    assert "spare key" in attached.content(first, **within).data[0].text
    assert attached.delete(first, **within).deleted
    found = client.vector_stores.search(store.id, query="When does the bell ring?").data
    assert found[0].file_id == polled.id

    batches = client.vector_stores.file_batches
    batch = batches.create(store.id, file_ids=rest[:1])
    assert batches.poll(batch.id, **within, **quick).file_counts.completed == 1
    assert batches.retrieve(batch.id, **within).status == "completed"
    assert [file.id for file in batches.list_files(batch.id, **within).data] == rest[:1]
    assert batches.create_and_poll(store.id, file_ids=rest[1:], **quick).file_counts.completed == 2
    sent = [("e.md", b"The door is green."), ("f.md", b"The roof is red.")]
    assert batches.upload_and_poll(store.id, files=sent, **quick).file_counts.completed == 2
    # What is read already is not cancelled.
    assert batches.cancel(batch.id, **within).file_counts.completed == 1
    assert client.vector_stores.delete(store.id).deleted


def responses(client) -> None:
    made = client.responses.create(**HELLO)
    assert made.status in ENDED and made.output_text
    events = client.responses.create(**HELLO, stream=True)
    assert events[0].type == "response.created" and events[-1].type.split(".")[1] in ENDED
    assert client.responses.retrieve(made.id).output_text == made.output_text
    again = client.responses.retrieve(events[-1].response.id, stream=True)
    assert [event.type for event in again] == [event.type for event in events]
    assert client.responses.input_items.list(made.id).data[0].content[0].text == HELLO["input"]
    counted = client.responses.input_tokens.count(model="cairn", input=HELLO["input"])
    assert counted.input_tokens == made.usage.input_tokens
    structured = {"model": "cairn", "input": PARTY, "text_format": Event, "temperature": 0, "max_output_tokens": 120}
    events, final = client.responses.stream(**structured)
    assert events[0].type == "response.created" and isinstance(final.output_parsed, Event)
    parsed = client.responses.parse(**structured)
    assert isinstance(parsed.output_parsed, Event) and parsed.text.format.type == "json_schema"
    long = client.responses.create(
        model="cairn", input="Count from one to five hundred in words.", background=True, max_output_tokens=1500
    )
    assert client.responses.cancel(long.id).status == "cancelled"
    compacted = client.responses.compact(model="cairn", previous_response_id=made.id)
    assert compacted.object == "response.compaction"
    assert [item.type for item in compacted.output] == ["message", "compaction"]
    asked = [*(item.model_dump() for item in compacted.output), {"role": "user", "content": "And now?"}]
    assert client.responses.create(model="cairn", input=asked, max_output_tokens=8).status in ENDED
    followed = {**HELLO, "previous_response_id": compacted.id}
    assert client.responses.create(**followed).status in ENDED
    client.responses.delete(compacted.id)
    with refused(openai.NotFoundError):
        client.responses.create(model="cairn", input=asked)
    client.responses.delete(made.id)
    with refused(openai.NotFoundError):
        client.responses.retrieve(made.id)


def conversations(client) -> None:
    talk = client.conversations.create(items=[{"role": "user", "content": "Hello."}])
    assert client.conversations.update(talk.id, metadata={"topic": "towers"}).metadata == {"topic": "towers"}
    assert client.conversations.retrieve(talk.id).metadata == {"topic": "towers"}
    items = client.conversations.items
    [added] = items.create(talk.id, items=[{"role": "user", "content": "Who?"}]).data
    assert items.list(talk.id).data[0].id == added.id
    assert items.retrieve(added.id, conversation_id=talk.id).content[0].text == "Who?"
    assert items.delete(added.id, conversation_id=talk.id).id == talk.id
    assert client.conversations.delete(talk.id).deleted


@pytest.mark.parametrize("kind, way", [
    (OpenAI, "plain"), (OpenAI, "raw"), (OpenAI, "streaming"), (AsyncOpenAI, "plain"), (AsyncOpenAI, "streaming"),
])
def test_every_method_of_the_package_is_driven(server, tmp_path, kind, way):
    with Driven(server, kind, way) as client:
        files(client, tmp_path)
        stores(client)
        responses(client)
        conversations(client)
        assert client.called | set(LEFT_OUT) == methods(client.real)
        assert not client.called & set(LEFT_OUT)
        # Most methods have a raw and a streaming form.
        assert way == "plain" or len(client.wrapped) > 30, sorted(client.wrapped)


def test_a_response_fits_its_schema_streamed_too(client):
    asked = {"model": "cairn", "input": PARTY, "temperature": 0, "max_output_tokens": 120}
    with client.responses.stream(**asked, text_format=Event) as stream:
        for _ in stream:
            pass
        final = stream.get_final_response()
    assert isinstance(final.output_parsed, Event)
    kept = client.responses.retrieve(final.id)
    assert Event.model_validate_json(kept.output_text) == final.output_parsed
    assert kept.text.format.type == "json_schema" and kept.text.format.name == "Event"
    free = client.responses.create(**{**asked, "max_output_tokens": 300}, text={"format": {"type": "json_object"}})
    assert free.output_text.lstrip().startswith("{")
    if free.status == "completed":
        assert isinstance(json.loads(free.output_text), dict)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("schema", [
    {"type": "object", "unevaluatedItems": {"type": "string"}},
    {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}},
    "no schema",
])
def test_a_format_that_cannot_be_kept_is_refused_by_its_field(client, schema, stream):
    text = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
    with refused(param="text.format"):
        client.responses.create(model="cairn", input="JSON!", text=text, stream=stream)


KEEPERS = b"The last keeper of the Orrin tower was Ida Thorvald. She left the tower in the spring of 1989."
KEPT = "Who was the last keeper of the Orrin tower?"


class Keeper(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=30)
    year: int = pydantic.Field(ge=1, le=2100)
    alive: bool


@pytest.fixture(scope="module")
def keepers(client) -> dict:
    """What is asked of a store with one file about a tower."""
    store = client.vector_stores.create(name="keepers")
    client.vector_stores.files.upload_and_poll(vector_store_id=store.id, file=("tower.md", KEEPERS))
    tool = {"type": "file_search", "vector_store_ids": [store.id]}
    return {"model": "cairn", "tools": [tool], "temperature": 0, "max_output_tokens": 200}


def test_a_schema_is_filled_in_from_files_streamed_too(client, keepers):
    parsed = client.responses.parse(**keepers, input=KEPT, text_format=Keeper)
    assert isinstance(parsed.output_parsed, Keeper) and parsed.text.format.name == "Keeper"
    with client.responses.stream(**keepers, input=KEPT, text_format=Keeper) as stream:
        deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert isinstance(final.output_parsed, Keeper) and "".join(deltas) == final.output_text
    kept = client.responses.retrieve(final.id)
    assert Keeper.model_validate_json(kept.output_text) == final.output_parsed
    for response in (parsed, final):
        ours, text = response.model_extra["cairn"], response.output_text
        assert not ours["refused"]
        places = [(bare["start"], bare["end"]) for bare in ours["unsupported"]]
        for note in response.output[-1].content[0].annotations:
            place = note.model_extra["cairn"]
            places.append((place["sentence_start"], place["sentence_end"]))
        assert all(0 <= start < end <= len(text) for start, end in places), places
        # A number is somewhere in the documents, or nothing supports it.
        assert str(response.output_parsed.year) in {text[start:end] for start, end in places}


def test_json_of_any_form_is_written_over_files(client, keepers):
    free = client.responses.create(**keepers, input=KEPT, text={"format": {"type": "json_object"}})
    assert free.output_text.startswith("{")
    if free.status == "completed":
        assert isinstance(json.loads(free.output_text), dict)


def test_what_files_do_not_say_is_a_refusal_of_the_schema(client, keepers):
    beside = "What is the boiling point of mercury?"
    refused_one = client.responses.parse(**keepers, input=beside, text_format=Keeper)
    assert refused_one.output_parsed is None and refused_one.output_text == ""
    [part] = refused_one.output[-1].content
    assert part.type == "refusal" and part.refusal == "The documents do not say."
    assert refused_one.model_extra["cairn"]["refused"]
    with client.responses.stream(**keepers, input=beside, text_format=Keeper) as stream:
        events = list(stream)
        final = stream.get_final_response()
    told = [event.delta for event in events if event.type == "response.refusal.delta"]
    assert "".join(told) == part.refusal and final.output_parsed is None
    assert [event.refusal for event in events if event.type == "response.refusal.done"] == [part.refusal]
    prose = client.responses.create(**keepers, input=beside)
    assert prose.output_text == part.refusal


def test_a_schema_that_cannot_be_kept_is_refused_over_files_too(client, keepers):
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "("}}}
    text = {"format": {"type": "json_schema", "name": "n", "schema": schema}}
    with refused(param="text.format"):
        client.responses.create(**keepers, input=KEPT, text=text)
