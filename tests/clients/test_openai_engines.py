"""The official OpenAI client: models, chat, embeddings, and what a wrong request gets."""

from __future__ import annotations

import base64

import numpy
import openai
import pytest

PROMPT = [
    {"role": "system", "content": "You answer in one short sentence."},
    {"role": "user", "content": "Name three colours."},
]


@pytest.fixture(scope="module")
def status(server) -> dict:
    found = server.call("GET", "/cairn/v1/status").json()
    assert found["answers"] == "generative", f"no LLM is loaded; run `make models`: {found['engines']}"
    return found


def test_models_are_listed_and_retrieved(client, status):
    listed = {model.id: model for model in client.models.list()}
    assert status["embedding_model"] in listed
    assert status["chat_model"] in listed
    for name, model in listed.items():
        assert client.models.retrieve(name).id == name
        assert model.object == "model" and model.owned_by


@pytest.mark.parametrize("model", ["cairn", None])
def test_chat_answers_whole(client, status, model):
    answer = client.chat.completions.create(
        model=model or status["chat_model"], messages=PROMPT, max_tokens=24, temperature=0
    )
    choice = answer.choices[0]
    assert choice.message.role == "assistant" and choice.message.content.strip()
    assert choice.finish_reason in ("stop", "length")
    assert 0 < answer.usage.completion_tokens <= 24
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_chat_streams_and_reports_usage_last(client, status):
    chunks = list(client.chat.completions.create(
        model="cairn", messages=PROMPT, max_tokens=24, temperature=0,
        stream=True, stream_options={"include_usage": True},
    ))
    *talking, last = chunks
    assert last.choices == [] and last.usage.completion_tokens > 0
    assert all(chunk.id == last.id for chunk in chunks)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in talking)
    assert text.strip()
    assert [chunk.choices[0].finish_reason for chunk in talking if chunk.choices[0].finish_reason] in (
        ["stop"], ["length"],
    )


def test_chat_stops_at_the_token_limit_and_says_so(client, status):
    answer = client.chat.completions.create(
        model="cairn", max_tokens=3, temperature=0,
        messages=[{"role": "user", "content": "Count from one to fifty."}],
    )
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage.completion_tokens == 3


def test_embeddings_are_the_same_in_base64_and_float(client, server, status):
    model = status["embedding_model"]
    texts = ["A cairn marks the way.", "Stones are stacked by hand.", "Ein Steinhaufen weist den Weg."]
    encoded = client.embeddings.create(model=model, input=texts)
    floats = client.embeddings.create(model=model, input=texts, encoding_format="float")
    assert [item.index for item in encoded.data] == [0, 1, 2]
    first = numpy.array([item.embedding for item in encoded.data], dtype=numpy.float32)
    second = numpy.array([item.embedding for item in floats.data], dtype=numpy.float32)
    assert first.shape == (3, 384)
    numpy.testing.assert_allclose(first, second, atol=1e-6)
    numpy.testing.assert_allclose(numpy.linalg.norm(first, axis=1), 1.0, atol=1e-3)
    assert encoded.usage.prompt_tokens > 0
    raw = server.call("POST", "/v1/embeddings", json={
        "model": model, "input": texts, "encoding_format": "base64",
    }).json()["data"][0]["embedding"]
    decoded = numpy.frombuffer(base64.b64decode(raw), dtype="<f4")
    numpy.testing.assert_allclose(decoded, first[0], atol=1e-6)


def test_embeddings_of_like_meaning_are_near(client, status):
    texts = ["How do I reset my password?", "I forgot my login secret.", "The glacier melts in spring."]
    made = client.embeddings.create(model=status["embedding_model"], input=texts)
    password, secret, glacier = (numpy.array(item.embedding) for item in made.data)
    assert password @ secret > password @ glacier + 0.2


def test_a_wrong_key_is_refused(client, server):
    wrong = server.key[:-4] + ("0000" if not server.key.endswith("0000") else "1111")
    for key in (wrong, "sk-nonsense"):
        with pytest.raises(openai.AuthenticationError) as refused:
            client.with_options(api_key=key).models.list()
        assert refused.value.code == "invalid_api_key"
        assert refused.value.request_id


def test_no_key_reaches_nothing(server):
    for path in ("/v1/models", "/v1/files", "/cairn/v1/status", "/cairn/v1/keys"):
        answer = server.call("GET", path, expect=401, headers={"authorization": ""})
        assert answer.json()["error"]["message"]


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError) as missing:
        client.chat.completions.create(model="no-such-model", messages=PROMPT)
    assert "no-such-model" in missing.value.message
    with pytest.raises(openai.NotFoundError):
        client.embeddings.create(model="no-such-model", input="x")
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("no-such-model")


def test_a_prompt_longer_than_the_context_is_refused_with_the_known_code(client, status):
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(
            model="cairn", messages=[{"role": "user", "content": "stone upon stone " * 40_000}]
        )
    assert refused.value.code == "context_length_exceeded"


def test_a_wrong_body_names_the_field(client, server):
    answer = server.call("POST", "/v1/chat/completions", expect=400, json={"model": "cairn"})
    assert "messages" in answer.json()["error"]["message"]
    server.call("POST", "/v1/chat/completions", expect=400, content=b"{", headers={
        "content-type": "application/json",
    })
