"""An encoder in a GGUF file: embeddings and reranking, judged by the same weights in another engine."""

from __future__ import annotations

import os
import pathlib
from concurrent.futures import ThreadPoolExecutor

import cohere
import numpy as np
import onnxruntime
import pytest
from openai import BadRequestError, OpenAI
from tokenizers import Tokenizer

from cairn_server import CACHE
from encoder_gguf import WIDTH, encoder

MODELS = pathlib.Path(os.environ.get("CAIRN_MODELS_DIR", CACHE / "models"))
QUERY = "How do I get a new password?"
DOCUMENTS = [
    "The harbour was frozen over for the whole of January.",
    "To reset a forgotten password, open the account page and choose 'send a new password'.",
    "Invoices are sent on the first day of the month.",
    "Größere Häfen frieren später zu; 东京 is farther south.",
]
HEAD = np.random.default_rng(7).normal(0, 0.3, WIDTH).astype(np.float32)


@pytest.fixture(scope="module")
def encoders(server):
    """The embedding model as the tenant's own files: one that embeds, one that scores pairs."""
    for name, head in (("minilm", None), ("judge", HEAD)):
        files = {"file": (f"{name}.gguf", encoder(MODELS, head))}
        server.call("POST", f"/cairn/v1/models/{name}/versions", expect=None, files=files).raise_for_status()


def vectors(client: OpenAI, model: str, texts: list[str]) -> np.ndarray:
    made = client.embeddings.create(model=model, input=texts)
    assert [one.index for one in made.data] == list(range(len(texts)))
    return np.array([one.embedding for one in made.data])


def test_vectors_are_those_of_the_same_weights_in_onnx(client, encoders):
    texts = [*DOCUMENTS, "a", *(f"Lamp {n} of the tower burns oil. " * (n % 9 + 1) for n in range(40))]
    ours, known = vectors(client, "minilm", texts), vectors(client, "all-minilm-l6-v2", texts)
    assert np.allclose(np.linalg.norm(ours, axis=1), 1, atol=1e-4)
    cosines = (ours * known).sum(axis=1)
    assert cosines.min() > 0.99, cosines
    alone = vectors(client, "minilm", texts[:1])[0]
    assert np.allclose(alone, ours[0], atol=2e-3), "what is read beside a text changes its vector"


def test_many_callers_get_their_own_vectors(client, encoders):
    texts = [f"Keeper {n} wrote {n * n} pages." for n in range(24)]
    together = vectors(client, "minilm", texts)
    with ThreadPoolExecutor(8) as pool:
        alone = list(pool.map(lambda text: vectors(client, "minilm", [text])[0], texts))
    for place, one in enumerate(alone):
        assert (together @ one).argmax() == place


def test_a_text_longer_than_the_model_reads_is_refused_with_the_numbers(client, encoders):
    with pytest.raises(BadRequestError) as refused:
        client.embeddings.create(model="minilm", input=["short", "lamp " * 600])
    assert refused.value.code == "context_length_exceeded"
    assert "text 1 has 602 tokens" in refused.value.message and "512" in refused.value.message
    assert len(vectors(client, "minilm", ["short"])) == 1


def test_each_kind_of_model_names_the_door_that_is_its(client, encoders):
    with pytest.raises(BadRequestError, match="/v1/embeddings"):
        client.chat.completions.create(model="minilm", messages=[{"role": "user", "content": "Hello"}])
    with pytest.raises(BadRequestError, match="/v1/rerank"):
        client.embeddings.create(model="judge", input="Hello")


def test_documents_are_ranked_by_the_angle_of_their_vectors(server, client, encoders):
    answer = cohere.ClientV2(api_key=server.key, base_url=server.url).rerank(model="minilm", query=QUERY, documents=DOCUMENTS)
    query, *documents = vectors(client, "minilm", [QUERY, *DOCUMENTS])
    assert answer.results[0].index == 1
    for result in answer.results:
        assert result.relevance_score == pytest.approx(max(0.0, float(query @ documents[result.index])), abs=2e-3)


def test_a_cross_encoder_scores_pairs_as_the_same_weights_do_in_onnx(server, encoders):
    answer = cohere.ClientV2(api_key=server.key, base_url=server.url).rerank(model="judge", query=QUERY, documents=DOCUMENTS)
    session = onnxruntime.InferenceSession(MODELS / "all-MiniLM-L6-v2.int8.onnx")
    tokenizer = Tokenizer.from_file(str(MODELS / "all-MiniLM-L6-v2.tokenizer.json"))
    tokenizer.no_padding()
    for result in answer.results:
        # One kind of tokens throughout, as llama.cpp reads pairs.
        first, second = (tokenizer.encode(text).ids for text in (QUERY, DOCUMENTS[result.index]))
        ids = np.array([first + second[1:]])
        hidden = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)})
        expected = 1 / (1 + np.exp(-float(hidden[0][0, 0] @ HEAD)))
        assert result.relevance_score == pytest.approx(expected, abs=0.05)


def register(server, name: str, **said: str) -> dict:
    files = {"file": (f"{name}.gguf", encoder(MODELS))}
    answer = server.call("POST", f"/cairn/v1/models/{name}/versions", expect=None, files=files, data=said)
    return answer.raise_for_status().json()


def of_type(client: OpenAI, model: str, texts: list[str], kind: str) -> tuple[np.ndarray, int]:
    made = client.embeddings.create(model=model, input=texts, extra_body={"input_type": kind})
    return np.array([one.embedding for one in made.data]), made.usage.prompt_tokens


def test_texts_are_read_behind_the_prefix_of_what_they_are(server, client, encoders):
    made = register(server, "e5", query_prefix="query: ", document_prefix="passage: ")
    assert (made["query_prefix"], made["document_prefix"], made["pooling"]) == ("query: ", "passage: ", "mean")
    plain = vectors(client, "minilm", DOCUMENTS)
    assert np.allclose(vectors(client, "e5", DOCUMENTS), plain, atol=2e-3), "nobody said what these are"
    for kind, prefix in (("query", "query: "), ("document", "passage: ")):
        read, tokens = of_type(client, "e5", DOCUMENTS, kind)
        by_hand = client.embeddings.create(model="minilm", input=[prefix + text for text in DOCUMENTS])
        assert np.allclose(read, [one.embedding for one in by_hand.data], atol=2e-3)
        assert not np.allclose(read, plain, atol=2e-2)
        assert tokens == by_hand.usage.prompt_tokens, "the prefix is counted"
    # 511 tokens with the special ones; with two more for the prefix there is no room.
    assert of_type(client, "minilm", ["lamp " * 509], "query")[1] == 511
    with pytest.raises(BadRequestError) as refused:
        of_type(client, "e5", ["lamp " * 509], "query")
    assert refused.value.code == "context_length_exceeded" and "513" in refused.value.message


def test_another_prefix_is_another_version(server, client, encoders):
    numbers = [register(server, "prefixed", query_prefix=prefix)["version"] for prefix in ("q: ", "ask: ", "q: ")]
    assert numbers == [1, 2, 1]
    for version, prefix in ((1, "q: "), (2, "ask: ")):
        read, _ = of_type(client, f"prefixed@{version}", [QUERY], "query")
        assert np.allclose(read, vectors(client, "minilm", [prefix + QUERY]), atol=2e-3)
    shown = {one["version"]: one["query_prefix"] for one in server.call("GET", "/cairn/v1/models/prefixed").json()["versions"]}
    assert shown == {1: "q: ", 2: "ask: "}
    cross = {"file": ("judge.gguf", encoder(MODELS, HEAD))}
    refused = server.call("POST", "/cairn/v1/models/judge/versions", expect=400, files=cross, data={"query_prefix": "q: "})
    assert refused.json()["error"]["param"] == "query_prefix"


def test_a_file_pools_as_its_registration_says(server, client, encoders):
    assert register(server, "first-token", pooling="cls")["pooling"] == "cls"
    session = onnxruntime.InferenceSession(MODELS / "all-MiniLM-L6-v2.int8.onnx")
    tokenizer = Tokenizer.from_file(str(MODELS / "all-MiniLM-L6-v2.tokenizer.json"))
    tokenizer.no_padding()
    for ours, mean, text in zip(vectors(client, "first-token", DOCUMENTS), vectors(client, "minilm", DOCUMENTS), DOCUMENTS, strict=True):
        ids = np.array([tokenizer.encode(text).ids])
        hidden = session.run(None, {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)})[0]
        known = hidden[0][0] / np.linalg.norm(hidden[0][0])
        assert ours @ known > 0.98
        assert ours @ known > mean @ known
    file = {"file": ("m.gguf", encoder(MODELS))}
    refused = server.call("POST", "/cairn/v1/models/other/versions", expect=400, files=file, data={"pooling": "max"})
    assert refused.json()["error"]["param"] == "pooling"


def test_a_store_reads_its_chunks_and_its_queries_each_behind_their_own(server, client, encoders):
    register(server, "stored", query_prefix="about bread and ovens: ", document_prefix="passage: ")
    store = server.call("POST", "/v1/vector_stores", json={"name": "prefixed", "cairn": {"embedding_model": "stored"}}).json()["id"]
    texts = ["The bread of the village is baked in a stone oven.", "A lamp on the tower burns oil all night."]
    for number, text in enumerate(texts):
        file = client.files.create(file=(f"{number}.txt", text.encode()), purpose="assistants")
        assert client.vector_stores.files.create_and_poll(file.id, vector_store_id=store).status == "completed"
    query = "lamp"
    told = vectors(client, "minilm", [f"passage: {text}" for text in texts])
    nearest = [int((told @ vectors(client, "minilm", [prefix + query])[0]).argmax()) for prefix in ("about bread and ovens: ", "")]
    assert nearest == [0, 1], "the prefix decides which is nearest"
    found = server.call("POST", f"/v1/vector_stores/{store}/search", json={"query": query, "cairn": {"explain": True}}).json()["data"]
    places = {hit["filename"]: hit["cairn"]["explain"]["dense_place"] for hit in found}
    assert places.get("0.txt") == 1, places
