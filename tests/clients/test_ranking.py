"""A store's own ranking and our options of a search, through the official client."""

from __future__ import annotations

import io

import pytest
from openai import BadRequestError, OpenAI

QUERY = "the stone bridge over the river"
TEXTS = {
    "bridge.txt": "The stone bridge over the river was built by masons in three summers.",
    "crossing.txt": "An old crossing made of rock spans the water near the mill.",
    "cards.txt": "Bridge is a game of cards for four players, and no stone is needed.",
    "bread.txt": "Bread is baked every morning at six, and sold until the shelves are empty.",
}


@pytest.fixture(scope="module")
def store(client: OpenAI):
    made = client.vector_stores.create(name="ranked").id
    for name, text in TEXTS.items():
        file = client.files.create(file=(name, io.BytesIO(text.encode())), purpose="assistants")
        attached = client.vector_stores.files.create_and_poll(file.id, vector_store_id=made, poll_interval_ms=100)
        assert attached.status == "completed"
    yield made
    client.vector_stores.delete(made)


def search(client: OpenAI, store: str, **more):
    return client.vector_stores.search(store, query=QUERY, extra_body={"cairn": {"explain": True}}, **more)


def test_a_store_with_a_ranking_of_words_orders_by_words(server, client, store):
    path = f"/cairn/v1/vector_stores/{store}/ranking"
    assert server.call("PUT", path, json={"ranking": {"dense_weight": 0}}).json()["choice"] == "given"
    hits = search(client, store).data
    scores = [hit.model_extra["cairn"]["bm25"] for hit in hits]
    assert len(hits) == len(TEXTS) and scores == sorted(scores, reverse=True)
    weights = {"hybrid_search": {"embedding_weight": 1, "text_weight": 0}}
    hits = search(client, store, ranking_options=weights).data
    cosines = [hit.model_extra["cairn"]["dense"] for hit in hits]
    assert cosines == sorted(cosines, reverse=True)
    assert server.call("DELETE", path).json()["choice"] == "default"


@pytest.mark.parametrize("ranker", ["none", "auto", "default-2024-11-15", "late-interaction"])
def test_an_explanation_adds_up(client, store, ranker):
    found = search(client, store, ranking_options={"ranker": ranker})
    assert found.data
    for hit in found.data:
        told = hit.model_extra["cairn"]["explain"]
        late, share = told["late"], told["ranking"]["late"]
        assert (late is not None) == (ranker == "late-interaction")
        total = told["first_stage"] if late is None else (1 - share) * told["first_stage"] + share * late
        assert told["final"] == pytest.approx(total, abs=1e-5)
        assert hit.score == pytest.approx(told["final"] * told["strength"], abs=1e-5)
    took = found.model_extra["cairn"]["took"]
    assert took["total_ms"] >= took["embed_ms"] > 0
    assert (took["rerank_ms"] > 0) == (ranker == "late-interaction")


def test_a_threshold_keeps_the_answer_and_cuts_nonsense(client, store):
    options = {"score_threshold": 0.5}
    kept = client.vector_stores.search(store, query="Who built the stone bridge?", ranking_options=options).data
    assert kept[0].filename == "bridge.txt" and all(hit.score >= 0.5 for hit in kept)
    nonsense = "quarterly revenue of the software subsidiary"
    assert client.vector_stores.search(store, query=nonsense, ranking_options=options).data == []
    rubbish = client.vector_stores.search(store, query=nonsense).data
    assert rubbish and all(hit.score < 0.3 for hit in rubbish)


def test_an_answer_is_explained(client, store):
    tool = {"type": "file_search", "vector_store_ids": [store], "cairn": {"explain": True}}
    for include in ([], ["file_search_call.results"]):
        answer = client.responses.create(
            model="cairn", input="Who built the stone bridge over the river?", tools=[tool], include=include
        )
        results = answer.output[0].results
        assert results and all("explain" in result.model_extra["cairn"] for result in results)
        assert answer.model_extra["cairn"]["took"]["total_ms"] > 0
    plain = {"type": "file_search", "vector_store_ids": [store]}
    answer = client.responses.create(model="cairn", input="Who built the stone bridge?", tools=[plain])
    assert answer.output[0].results is None and "took" not in answer.model_extra["cairn"]


def test_what_is_not_there_is_refused_by_name(client, store):
    with pytest.raises(BadRequestError) as refused:
        search(client, store, ranking_options={"ranker": "cross-encoder"})
    assert refused.value.param == "ranking_options.ranker"
    with pytest.raises(BadRequestError) as refused:
        client.vector_stores.search(store, query=QUERY, extra_body={"cairn": {"expand": "page"}})
    assert refused.value.param == "cairn.expand"
