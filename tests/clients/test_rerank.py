"""Reranking through Cohere's official client in both its versions, and in Jina's shape."""

from __future__ import annotations

import cohere
import pytest

QUERY = "How do I get a new password?"
DOCUMENTS = [
    "The harbour was frozen over for the whole of January.",
    "Bread is baked every morning at six.",
    "To reset a forgotten password, open the account page and choose 'send a new password'.",
    "Invoices are sent on the first day of the month.",
    "If you cannot log in, ask support to set another password for you.",
]
RELEVANT = {2, 4}


def clients(server) -> list:
    shared = {"api_key": server.key, "base_url": server.url, "timeout": 120}
    return [cohere.Client(**shared), cohere.ClientV2(**shared)]


@pytest.mark.parametrize("version", [0, 1])
def test_coheres_client_gets_the_relevant_first(server, version):
    client = clients(server)[version]
    answer = client.rerank(model="cairn", query=QUERY, documents=DOCUMENTS)
    assert {result.index for result in answer.results[:2]} == RELEVANT
    scores = [result.relevance_score for result in answer.results]
    assert scores == sorted(scores, reverse=True) and len(scores) == len(DOCUMENTS)
    assert all(0.0 <= score <= 1.0 for score in scores)
    assert answer.id.startswith("rerank-")
    assert answer.meta.api_version.version == str(version + 1)
    assert answer.meta.tokens.input_tokens > 50


@pytest.mark.parametrize("version", [0, 1])
def test_the_best_few_are_the_first_of_all(server, version):
    client = clients(server)[version]
    everything = client.rerank(model="cairn", query=QUERY, documents=DOCUMENTS).results
    best = client.rerank(model="cairn", query=QUERY, documents=DOCUMENTS, top_n=2).results
    assert [result.index for result in best] == [result.index for result in everything[:2]]


def test_coheres_first_version_returns_documents_when_asked(server):
    asked = {"model": "cairn", "query": QUERY, "documents": [{"text": text} for text in DOCUMENTS]}
    client = clients(server)[0]
    for result in client.rerank(return_documents=True, **asked).results:
        assert result.document.text == DOCUMENTS[result.index]
    assert all(result.document is None for result in client.rerank(return_documents=False, **asked).results)


def test_jinas_shape(server):
    body = {"model": "all-minilm-l6-v2-maxsim", "query": QUERY, "documents": DOCUMENTS, "top_n": 3}
    answer = server.call("POST", "/v1/rerank", json=body).json()
    assert answer["model"] == "all-minilm-l6-v2-maxsim" and len(answer["results"]) == 3
    for result in answer["results"]:
        assert result["document"]["text"] == DOCUMENTS[result["index"]]
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] > 50
    lean = server.call("POST", "/v1/rerank", json={**body, "return_documents": False}).json()
    assert all("document" not in result for result in lean["results"])
    assert [r["index"] for r in lean["results"]] == [r["index"] for r in answer["results"]]


def test_the_end_of_a_long_document_counts_unless_it_is_cut_on_purpose(server):
    filler = "The committee met again and noted the report without discussion. " * 120
    documents = [filler + "A forgotten password is reset on the account page.", filler]
    body = {"model": "cairn", "query": QUERY, "documents": documents}
    scores = {r["index"]: r["relevance_score"] for r in server.call("POST", "/v2/rerank", json=body).json()["results"]}
    assert scores[0] > scores[1] + 0.02, scores
    cut = server.call("POST", "/v2/rerank", json={**body, "max_tokens_per_doc": 100}).json()
    scores = [result["relevance_score"] for result in cut["results"]]
    assert abs(scores[0] - scores[1]) < 1e-5
    assert cut["meta"]["tokens"]["input_tokens"] < 250


@pytest.mark.parametrize(
    ("change", "status", "param"),
    [
        ({"model": "rerank-v9"}, 404, "model"),
        ({"documents": []}, 400, "documents"),
        ({"documents": ["x"] * 1001}, 400, "documents"),
        ({"documents": ["x" * 3_000_000]}, 413, "documents"),
        ({"query": " "}, 400, "query"),
        ({"query": "x" * 9000}, 413, "query"),
        ({"top_n": 0}, 400, "top_n"),
        ({"max_chunks_per_doc": 2}, 400, "max_chunks_per_doc"),
        ({"documents": [{"text": "a", "title": "b"}]}, 400, "documents[0]"),
    ],
)
def test_what_is_not_done_is_refused_by_name(server, change, status, param):
    body = {"model": "cairn", "query": QUERY, "documents": DOCUMENTS, **change}
    answer = server.call("POST", "/v1/rerank", expect=status, json=body)
    assert answer.json()["error"]["param"] == param, answer.text


def test_without_a_key_there_is_no_order(server):
    body = {"query": QUERY, "documents": DOCUMENTS}
    server.call("POST", "/v2/rerank", expect=401, json=body, headers={"authorization": "Bearer no"})


def test_the_protocol_beside_it_still_answers(server):
    assert server.call("GET", "/v2").json()["name"] == "cairn"
