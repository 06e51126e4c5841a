"""The official OpenAI client: a chat whose model is a vector store is answered by its documents."""

from __future__ import annotations

import json
import re
import types

import httpx
import openai
import pydantic
import pytest
from openai.types.chat.chat_completion_message import Annotation

from conftest import EXAMPLES

KEEPER = "The last keeper of the Orrin tower was Ida Thorvald. She left the tower in the spring of 1989.\n"
WHO = "Who was the last keeper of the Orrin tower?"
SOURCE = re.compile(r"^\[(\d+)\] \S.*$")


def user(text: str) -> dict:
    return {"role": "user", "content": text}


def ask(client, model: str, messages, **more):
    if isinstance(messages, str):
        messages = [user(messages)]
    return client.chat.completions.create(model=model, messages=messages, **more)


def upload(client, store: str, name: str, data: bytes) -> str:
    file = client.files.create(file=(name, data), purpose="assistants")
    attached = client.vector_stores.files.create_and_poll(file.id, vector_store_id=store, poll_interval_ms=50)
    assert attached.status == "completed", attached.last_error
    return file.id


def parted(content: str) -> tuple[str, list[str]]:
    """What is said, and the lines of its sources."""
    said, _, rest = content.rpartition("\n\n")
    lines = [line.rstrip() for line in rest.splitlines()]
    assert said and lines, content
    for number, line in enumerate(lines, 1):
        found = SOURCE.match(line)
        assert found and int(found[1]) == number, content
    return said, lines


def checked(message, tower) -> str:
    """What a message with citations says; each of them names a file and stands in the text."""
    said, lines = parted(message.content)
    citations = [citation.model_dump() for citation in message.annotations]
    assert citations
    for citation in citations:
        assert citation["type"] == "file_citation"
        assert tower.files[citation["filename"]] == citation["file_id"]
        assert 0 <= citation["index"] <= len(said)
        assert citation["cairn"]["quote"] and isinstance(citation["cairn"]["supported"], bool)
        assert any(citation["filename"] in line for line in lines)
    extra = message.cairn
    assert extra["refused"] is False and 0 <= extra["confidence"] <= 1 and extra["mode"] in ("generative", "extractive")
    return said


@pytest.fixture(scope="module")
def tower(client):
    """A store with a text and a PDF of several pages."""
    store = client.vector_stores.create(name="tower & rules")
    pdf = EXAMPLES / "documents" / "transaction-isolation.pdf"
    files = {
        "keepers.txt": upload(client, store.id, "keepers.txt", KEEPER.encode()),
        pdf.name: upload(client, store.id, pdf.name, pdf.read_bytes()),
    }
    return types.SimpleNamespace(store=store.id, model="store/tower & rules", files=files)


@pytest.fixture(scope="module")
def stranger(server) -> openai.OpenAI:
    """The client of another tenant."""
    made = server.call(
        "POST", "/cairn/v1/keys", expect=None, json={"tenant": "elsewhere", "role": "editor", "name": "stranger"}
    )
    made.raise_for_status()
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=made.json()["key"], max_retries=0, timeout=180)


def test_stores_are_listed_as_models(client, tower):
    twins = [client.vector_stores.create(name="twin").id for _ in range(2)]
    listed = {model.id: model for model in client.models.list()}
    assert listed[tower.model].owned_by == "tenant" and listed[tower.model].created > 0
    assert tower.store not in " ".join(listed)
    # A name that does not tell a store from another is not used.
    assert "store/twin" not in listed
    assert all(f"store/{twin}" in listed for twin in twins)
    for model in (tower.model, f"store/{tower.store}"):
        assert client.models.retrieve(model).id == model
    with pytest.raises(openai.ConflictError) as refused:
        ask(client, "store/twin", WHO)
    assert "id" in refused.value.body["message"]
    for twin in twins:
        client.vector_stores.delete(twin)


def test_documents_answer_a_chat(client, tower):
    for model in (tower.model, f"store/{tower.store}"):
        answer = ask(client, model, WHO)
        assert answer.object == "chat.completion" and answer.id.startswith("chatcmpl-") and answer.model == model
        [choice] = answer.choices
        assert choice.finish_reason in ("stop", "length") and choice.message.role == "assistant"
        assert checked(choice.message, tower)
        assert answer.usage.prompt_tokens > 0 and answer.usage.completion_tokens > 0
        assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_source_in_a_pdf_has_its_page(client, tower, questions):
    message = ask(client, tower.model, questions["pdf"]["question"]).choices[0].message
    checked(message, tower)
    _, lines = parted(message.content)
    assert any(re.search(r"transaction-isolation\.pdf, page \d+$", line) for line in lines), lines


def test_a_streamed_answer_has_the_same_parts(client, tower):
    chunks = list(ask(client, tower.model, WHO, stream=True, stream_options={"include_usage": True}))
    assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
    assert len({(chunk.id, chunk.model, chunk.created) for chunk in chunks}) == 1
    assert chunks[0].model == tower.model
    *pieces, usage = chunks
    assert usage.choices == [] and usage.usage.total_tokens > usage.usage.completion_tokens > 0
    assert all(len(chunk.choices) == 1 and chunk.usage is None for chunk in pieces)
    deltas = [chunk.choices[0].delta for chunk in pieces]
    assert (deltas[0].role, deltas[0].content) == ("assistant", "")
    assert all(delta.role is None for delta in deltas[1:])
    assert [chunk.choices[0].finish_reason for chunk in pieces] == [None] * (len(pieces) - 1) + ["stop"]
    # Text, its sources, what it cites, and the end, each in pieces of its own.
    assert deltas[-1].content is None and deltas[-2].content is None
    assert SOURCE.match(deltas[-3].content.strip().splitlines()[0].rstrip())
    gathered = types.SimpleNamespace(
        content="".join(delta.content or "" for delta in deltas),
        annotations=[Annotation.construct(**citation) for citation in deltas[-2].annotations],
        cairn=deltas[-2].cairn,
    )
    checked(gathered, tower)
    last = list(ask(client, tower.model, WHO, stream=True))[-1]
    assert last.choices[0].finish_reason == "stop" and last.usage is None


def test_the_streaming_helper_gathers_the_same_message(client, tower):
    with client.chat.completions.stream(model=tower.model, messages=[user(WHO)]) as stream:
        message = stream.get_final_completion().choices[0].message
    said, _ = parted(message.content)
    assert said and message.cairn["refused"] is False and message.annotations


def test_a_question_that_leans_on_the_talk(client, tower):
    first = ask(client, tower.model, WHO).choices[0].message
    talk = [
        {"role": "system", "content": "Be brief."}, user(WHO),
        {"role": "assistant", "content": first.content}, user("And when did she leave it?"),
    ]
    message = ask(client, tower.model, talk).choices[0].message
    checked(message, tower)
    assert any("1989" in citation.cairn["quote"] for citation in message.annotations)


def test_what_documents_do_not_say(client, tower, questions):
    question = questions["unknown"]["question"]
    choice = ask(client, tower.model, question).choices[0]
    message = choice.message
    assert choice.finish_reason == "stop" and message.content and message.annotations == []
    assert message.cairn["refused"] is True and message.cairn["reason"] and message.cairn["nearest"]
    assert not SOURCE.search(message.content.splitlines()[-1])
    streamed = list(ask(client, tower.model, question, stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in streamed) == message.content


def test_another_tenants_store_is_as_unknown(client, tower, stranger):
    assert not any(model.id.startswith("store/") for model in stranger.models.list())
    told = []
    for asking, model in [(stranger, tower.model), (stranger, f"store/{tower.store}"), (client, "store/nowhere"),
                          (client, "store/vs_00000000000000000000000000000000"), (client, "store/")]:
        for call in (lambda: ask(asking, model, WHO), lambda: ask(asking, model, WHO, stream=True)):
            with pytest.raises(openai.NotFoundError) as refused:
                call()
            body = refused.value.body
            assert body["code"] == "model_not_found" and body["param"] == "model" and "/v1/models" in body["message"]
            told.append(body["message"].replace(model, "MODEL"))
    assert len(set(told)) == 1


def test_a_chat_can_say_how_the_store_is_asked(client, tower):
    narrowed = {"max_num_results": 2, "filters": {"type": "eq", "key": "kind", "value": "none has it"}}
    message = ask(client, tower.model, WHO, extra_body={"cairn": narrowed}).choices[0].message
    assert message.cairn["refused"] is True and message.annotations == []
    written = ask(client, tower.model, WHO, extra_body={"cairn": {"model": "SmolLM2-135M-Instruct"}})
    assert written.choices[0].message.cairn["model"]
    with pytest.raises(openai.NotFoundError) as refused:
        ask(client, tower.model, WHO, extra_body={"cairn": {"model": "nobody"}})
    assert refused.value.body["param"] == "cairn.model"
    with pytest.raises(openai.BadRequestError) as refused:
        ask(client, "cairn", WHO, extra_body={"cairn": narrowed})
    assert refused.value.body["param"] == "cairn"


def test_a_length_is_kept(client, tower):
    answer = ask(client, tower.model, WHO, max_tokens=2, metadata={"k": "v"}, user="ada")
    assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens <= 2


@pytest.mark.parametrize(("more", "param", "remedy"), [
    ({"tools": [{"type": "function", "function": {"name": "now"}}]}, "tools", "/v1/responses"),
    ({"n": 2}, "n", "leave n out"),
    ({"logprobs": True}, "logprobs", "leave logprobs out"),
    ({"stop": "."}, "stop", "leave stop out"),
    ({"messages": [{"role": "assistant", "content": "Ada."}]}, "messages", "last message"),
])
def test_what_a_chat_with_a_store_does_not_do(client, tower, more, param, remedy):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**{"model": tower.model, "messages": [user(WHO)], **more})
    assert refused.value.body["param"] == param and remedy in refused.value.body["message"]


def test_access_lists_and_deletes_hold_in_a_chat(server, client):
    store = client.vector_stores.create(name="secrets of the tower")
    file = client.files.create(file=("keepers.txt", KEEPER.encode()), purpose="assistants")
    client.vector_stores.files.create_and_poll(
        file.id, vector_store_id=store.id, poll_interval_ms=50, attributes={"cairn.access": "user:ada"}
    )
    wish = {"tenant": "default", "role": "viewer"}
    for principals, refused in [(["user:ada"], False), ([], True)]:
        key = server.call("POST", "/cairn/v1/keys", json={**wish, "principals": principals}).json()["key"]
        reader = client.with_options(api_key=key)
        message = ask(reader, "store/secrets of the tower", WHO).choices[0].message
        assert message.cairn["refused"] is refused and bool(message.annotations) is not refused
        assert not refused or "Thorvald" not in message.content
        if not refused:
            ada = reader
    client.files.delete(file.id)
    gone = ask(ada, "store/secrets of the tower", WHO).choices[0].message
    assert gone.cairn["refused"] is True and gone.cairn["nearest"] == []
    client.vector_stores.delete(store.id)
    with pytest.raises(openai.NotFoundError):
        ask(ada, "store/secrets of the tower", WHO)


class Keeper(pydantic.BaseModel):
    """The keeper of a tower."""

    name: str
    left: int


def test_json_keeps_to_its_schema(client, tower, questions):
    question = "Who was the last keeper of the Orrin tower, and in which year did she leave it?"
    parsed = client.chat.completions.parse(model=tower.model, messages=[user(question)], response_format=Keeper)
    message = parsed.choices[0].message
    assert message.refusal is None and isinstance(message.parsed, Keeper)
    assert set(json.loads(message.content)) == {"name", "left"} and message.cairn["refused"] is False
    with client.chat.completions.stream(
        model=tower.model, messages=[user(question)], response_format=Keeper
    ) as stream:
        streamed = stream.get_final_completion().choices[0].message
    assert streamed.refusal is None and isinstance(streamed.parsed, Keeper)
    unknown = client.chat.completions.parse(
        model=tower.model, messages=[user(questions["unknown"]["question"])], response_format=Keeper
    ).choices[0].message
    assert unknown.refusal and unknown.content is None and unknown.parsed is None and unknown.cairn["refused"] is True


def test_a_chat_sent_twice_under_one_key_is_answered_once(server, tower):
    def send() -> httpx.Response:
        return server.call(
            "POST", "/v1/chat/completions", headers={"idempotency-key": "tower-1"},
            json={"model": tower.model, "messages": [user(WHO)]},
        )

    first, second = send(), send()
    assert second.json() == first.json() and second.headers["idempotent-replayed"] == "true"


def test_responses_take_what_clients_send_by_habit(client, tower):
    answer = client.responses.create(
        model="cairn", input=WHO, tools=[{"type": "file_search", "vector_store_ids": [tower.store]}],
        reasoning={"effort": "low", "summary": "auto"}, include=["reasoning.encrypted_content"],
        text={"verbosity": "low"},
    )
    assert answer.output_text and answer.cairn["refused"] is False
    notes = answer.cairn["notes"]
    assert [any(name in note for note in notes) for name in ("reasoning had", "verbosity", "encrypted")] == [True] * 3
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model=tower.model, input=WHO)
    assert refused.value.body["param"] == "model" and "file_search" in refused.value.body["message"]
    file = {"type": "input_file", "file_id": tower.files["keepers.txt"]}
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(model="cairn", input=[{"role": "user", "content": [file]}])
    assert "question" in refused.value.body["message"], "a file alone asks nothing"
