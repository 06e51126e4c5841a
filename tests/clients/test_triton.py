"""One trained model, asked through every door: all must say the same.

The same rows go through the Triton client (binary tensors), plain JSON on the
Open Inference Protocol, Cairn's own predict call, and ONNX Runtime on the file
that the server hands out. Then Triton's extensions, and what is refused.
"""

from __future__ import annotations

import gzip
import json
import sqlite3
import time
import zlib

import httpx
import numpy
import onnxruntime
import pytest
import tritonclient.http as triton

from tensors import NUMPY_OF, TOLERANCE, column, metadata, train

def ask_triton(server, rows: list[dict]) -> dict[str, numpy.ndarray]:
    host = server.url.removeprefix("http://")
    described = metadata(server)
    with triton.InferenceServerClient(url=host, network_timeout=60) as client:
        headers = {"authorization": f"Bearer {server.key}"}
        inputs = []
        for tensor in described["inputs"]:
            array = column(rows, tensor["name"], tensor["datatype"], tensor["shape"])
            wanted = triton.InferInput(tensor["name"], list(array.shape), tensor["datatype"])
            wanted.set_data_from_numpy(array, binary_data=True)
            inputs.append(wanted)
        outputs = [triton.InferRequestedOutput(tensor["name"], binary_data=True) for tensor in described["outputs"]]
        answer = client.infer("income", inputs, outputs=outputs, headers=headers)
        return {tensor["name"]: answer.as_numpy(tensor["name"]) for tensor in described["outputs"]}


def ask_onnxruntime(server, trained, rows: list[dict]) -> dict[str, numpy.ndarray]:
    session = onnxruntime.InferenceSession(trained.file, providers=["CPUExecutionProvider"])
    kinds = {tensor["name"]: tensor for tensor in metadata(server)["inputs"]}
    feed = {}
    for wanted in session.get_inputs():
        tensor = kinds[wanted.name]
        feed[wanted.name] = column(rows, wanted.name, tensor["datatype"], tensor["shape"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, feed)))


def same(left: numpy.ndarray, right: numpy.ndarray, what: str) -> None:
    assert left.shape == right.shape, f"{what}: {left.shape} and {right.shape}"
    if left.dtype.kind in "fiub":
        difference = numpy.abs(left.astype(numpy.float64) - right.astype(numpy.float64)).max()
        assert difference <= TOLERANCE, f"{what}: differ by {difference}"
    else:
        assert words(left) == words(right), what


def words(array: numpy.ndarray) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in array.ravel()]


def probabilities(outputs: dict[str, numpy.ndarray], classes: list[str]) -> numpy.ndarray:
    """The output that holds a probability for each class."""
    for array in outputs.values():
        if array.dtype.kind == "f" and array.ndim == 2 and array.shape[1] == len(classes):
            return array
    raise AssertionError(f"no output has {len(classes)} columns: { {k: v.shape for k, v in outputs.items()} }")


def test_the_model_learned_something_and_matches_its_trainer(trained):
    result = trained.result
    assert result["task"] == "binary" and sorted(result["classes"]) == ["high", "low"]
    assert result["parity_max_abs_diff"] <= TOLERANCE
    assert [entry["chosen"] for entry in result["leaderboard"]].count(True) == 1
    assert result["test_rows"] > 0
    assert result["test_metrics"][result["metric"]] is not None
    accuracy = result["test_metrics"].get("accuracy")
    assert accuracy is None or accuracy > 0.75, result["test_metrics"]


def test_the_triton_client_sees_a_live_and_ready_model(server, trained):
    headers = {"authorization": f"Bearer {server.key}"}
    with triton.InferenceServerClient(url=server.url.removeprefix("http://")) as client:
        assert client.is_server_live(headers=headers) and client.is_server_ready(headers=headers)
        assert client.is_model_ready("income", headers=headers)
        assert client.get_model_metadata("income", headers=headers)["name"] == "income"
        assert not client.is_model_ready("nothing", headers=headers)


def test_the_handed_out_file_is_the_registered_one(server, trained):
    import hashlib

    assert hashlib.sha256(trained.file).hexdigest() == trained.result["onnx"]["sha256"]
    assert len(trained.file) == trained.result["onnx"]["bytes"]


def test_triton_and_onnxruntime_agree(server, trained):
    ours, theirs = ask_triton(server, trained.rows), ask_onnxruntime(server, trained, trained.rows)
    assert set(ours) == set(theirs)
    for name in ours:
        same(ours[name], theirs[name], name)


def test_plain_json_and_the_triton_client_agree(server, trained):
    whole = [row for row in trained.rows if None not in row.values()]  # JSON has no NaN
    inputs = []
    for tensor in metadata(server)["inputs"]:
        array = column(whole, tensor["name"], tensor["datatype"], tensor["shape"])
        inputs.append({"name": tensor["name"], "datatype": tensor["datatype"],
                       "shape": list(array.shape), "data": array.ravel().tolist()})
    answer = server.call("POST", "/v2/models/income/infer", json={"id": "row-1", "inputs": inputs}).json()
    assert answer["model_name"] == "income" and answer["id"] == "row-1"
    binary = ask_triton(server, whole)
    for output in answer["outputs"]:
        plain = numpy.array(output["data"], dtype=NUMPY_OF[output["datatype"]]).reshape(output["shape"])
        same(plain, binary[output["name"]], output["name"])


def test_predict_says_what_the_model_file_says(server, trained):
    answer = server.call("POST", "/cairn/v1/predict", json={"model": "income", "rows": trained.rows}).json()
    assert answer["version"] == trained.result["version"]
    classes = trained.result["classes"]
    theirs = probabilities(ask_onnxruntime(server, trained, trained.rows), classes)
    ours = numpy.array([[entry["probabilities"][name] for name in classes] for entry in answer["predictions"]])
    same(ours, theirs.astype(numpy.float64), "probabilities")
    for entry in answer["predictions"]:
        assert entry["prediction"] == max(entry["probabilities"], key=entry["probabilities"].get)


def test_a_row_alone_and_in_company_gets_the_same(server, trained):
    together = ask_triton(server, trained.rows)
    alone = [ask_triton(server, [row]) for row in trained.rows[:5]]
    for name, array in together.items():
        same(numpy.concatenate([one[name] for one in alone]), array[:5], name)


def test_wrong_tensors_are_refused_with_a_reason(server, trained):
    one = metadata(server)["inputs"][0]
    bad = {"inputs": [{"name": one["name"], "datatype": one["datatype"], "shape": [2, 1], "data": [1]}]}
    answer = server.call("POST", "/v2/models/income/infer", expect=None, json=bad)
    assert 400 <= answer.status_code < 500 and answer.json()["error"]
    server.call("POST", "/v2/models/nothing/infer", expect=404, json=bad)


def triton_inputs(server, rows: list[dict], binary: bool = True) -> list[triton.InferInput]:
    inputs = []
    for tensor in metadata(server)["inputs"]:
        array = column(rows, tensor["name"], tensor["datatype"], tensor["shape"])
        wanted = triton.InferInput(tensor["name"], list(array.shape), tensor["datatype"])
        wanted.set_data_from_numpy(array, binary_data=binary)
        inputs.append(wanted)
    return inputs


def plain_request(server, rows: list[dict]) -> dict:
    inputs = []
    for tensor in metadata(server)["inputs"]:
        array = column(rows, tensor["name"], tensor["datatype"], tensor["shape"])
        inputs.append({"name": tensor["name"], "datatype": tensor["datatype"],
                       "shape": list(array.shape), "data": array.ravel().tolist()})
    return {"inputs": inputs}


@pytest.fixture
def whole(trained) -> list[dict]:
    """Rows without an empty cell."""
    return [row for row in trained.rows if None not in row.values()]


@pytest.fixture
def client(server):
    with triton.InferenceServerClient(url=server.url.removeprefix("http://"), network_timeout=60) as client:
        yield client


@pytest.fixture
def headers(server) -> dict[str, str]:
    return {"authorization": f"Bearer {server.key}"}


@pytest.mark.parametrize("packing", ["gzip", "deflate"])
def test_packed_bodies_are_read(server, trained, whole, client, headers, packing):
    plain = ask_triton(server, whole)
    answer = client.infer("income", triton_inputs(server, whole), headers=headers,
                          request_compression_algorithm=packing)
    for name, array in plain.items():
        same(answer.as_numpy(name), array, name)


def test_packed_bodies_that_are_bombs_or_damaged_are_refused(server, trained):
    bomb = gzip.compress(b" " * (64 << 20))
    for body, coding, status in [(bomb, "gzip", 413), (zlib.compress(b"{}")[:-2], "deflate", 400),
                                 (b"{}", "gzip", 400), (b"{}", "br", 415)]:
        answer = server.call("POST", "/v2/models/income/infer", expect=status, content=body,
                             headers={"content-encoding": coding})
        assert answer.json()["error"], coding


def test_classes_come_in_place_of_a_tensor(server, trained, whole, client, headers):
    classes = trained.result["classes"]
    outputs = [triton.InferRequestedOutput("probabilities", class_count=1)]
    answer = client.infer("income", triton_inputs(server, whole), outputs=outputs, headers=headers)
    top = words(answer.as_numpy("probabilities"))
    shares = probabilities(ask_triton(server, whole), classes)
    assert len(top) == len(whole)
    for text, row in zip(top, shares):
        score, index, label = text.split(":")
        assert int(index) == row.argmax() and label == classes[int(index)]
        assert abs(float(score) - row.max()) < 1e-5


def test_configuration_and_metadata_tell_how_a_model_is_run(trained, client, headers):
    described = client.get_model_metadata("income", headers=headers)
    run = described["parameters"]["cairn"]
    assert run["engine"] == described["platform"] and run["engine_reason"]
    assert run["batching"] is True or run["batching_reason"]
    config = client.get_model_config("income", headers=headers)
    assert config["name"] == "income" and config["version_policy"] == {"all": {}}
    kinds = {"FP32": "TYPE_FP32", "BYTES": "TYPE_STRING", "INT64": "TYPE_INT64"}
    for side, tensors in (("input", described["inputs"]), ("output", described["outputs"])):
        for entry, tensor in zip(config[side], tensors, strict=True):
            assert entry["name"] == tensor["name"] and entry["data_type"] == kinds[tensor["datatype"]]
            assert entry["dims"] == (tensor["shape"][1:] if run["batching"] else tensor["shape"])
    assert (config["max_batch_size"] > 0) == run["batching"] == ("dynamic_batching" in config)


def stats_of(client, headers, version: str) -> dict:
    found = client.get_inference_statistics("income", version, headers=headers)["model_stats"]
    assert len(found) == 1 and found[0]["version"] == version
    return found[0]


def test_statistics_count_what_was_asked(server, trained, whole, client, headers):
    version = str(trained.result["version"])
    client.infer("income", triton_inputs(server, whole), headers=headers)
    before = stats_of(client, headers, version)
    client.infer("income", triton_inputs(server, whole), headers=headers)
    with pytest.raises(triton.InferenceServerException):
        client.infer("income", triton_inputs(server, whole)[:1], headers=headers)
    after = stats_of(client, headers, version)
    grown = lambda *path: count(after, path) - count(before, path)  # noqa: E731
    assert grown("inference_count") == len(whole)
    assert grown("execution_count") >= 1
    assert grown("inference_stats", "success", "count") == 1
    assert grown("inference_stats", "fail", "count") == 1
    assert grown("inference_stats", "success", "ns") > grown("inference_stats", "compute_infer", "ns") > 0
    assert after["last_inference"] >= before["last_inference"] > 0
    everyone = client.get_inference_statistics(headers=headers)["model_stats"]
    assert after["name"] in [entry["name"] for entry in everyone]
    answer = server.call("GET", "/v2/models/income/versions/999/stats", expect=404)
    assert "999" in answer.json()["error"]


def count(stats: dict, path: tuple[str, ...]) -> int:
    for step in path:
        stats = stats[step]
    return stats


def states(client, headers) -> dict[str, str]:
    return {entry["name"]: entry["state"] for entry in client.get_model_repository_index(headers=headers)}


def test_a_model_is_unloaded_and_loaded_again(server, trained, whole, client, headers):
    client.load_model("income", headers=headers)
    assert states(client, headers)["income"] == "READY"
    client.unload_model("income", headers=headers)
    assert states(client, headers)["income"] == "UNAVAILABLE"
    ready = server.call("POST", "/v2/repository/index", json={"ready": True}).json()
    assert "income" not in [entry["name"] for entry in ready]
    assert not client.is_model_ready("income", headers=headers)
    answer = server.call("POST", "/v2/models/income/infer", expect=409, json={"inputs": []})
    assert "/v2/repository/models/income/load" in answer.json()["error"]
    server.call("POST", "/cairn/v1/predict", expect=409, json={"model": "income", "rows": trained.rows[:1]})
    client.load_model("income", headers=headers)
    assert states(client, headers)["income"] == "READY"
    assert len(ask_triton(server, whole)["label"]) == len(whole)


def test_loading_changes_nothing_of_a_version_and_is_not_for_viewers(server, trained, client, headers):
    with pytest.raises(triton.InferenceServerException, match="takes no parameter 'config'"):
        client.load_model("income", headers=headers, config="{}")
    with pytest.raises(triton.InferenceServerException, match="nothing"):
        client.load_model("nothing", headers=headers)
    made = server.call("POST", "/cairn/v1/keys", expect=None,
                       json={"tenant": "default", "role": "viewer", "name": "v"}).json()
    viewer = {"authorization": f"Bearer {made['key']}"}
    assert client.is_model_ready("income", headers=viewer)
    for act in (client.load_model, client.unload_model):
        with pytest.raises(triton.InferenceServerException, match="'viewer'"):
            act("income", headers=viewer)


def test_a_revoked_key_stops_at_once(server, trained, whole, client):
    made = server.call("POST", "/cairn/v1/keys", expect=None,
                       json={"tenant": "default", "role": "viewer", "name": "short"}).json()
    inputs = triton_inputs(server, whole[:1])
    headers = {"authorization": f"Bearer {made['key']}"}
    for _ in range(3):
        client.infer("income", inputs, headers=headers)
    server.call("DELETE", f"/cairn/v1/keys/{made['id']}", expect=None).raise_for_status()
    with pytest.raises(triton.InferenceServerException, match="key"):
        client.infer("income", inputs, headers=headers)


def test_a_language_model_generates(server):
    model = "SmolLM2-135M-Instruct"
    asked = {"text_input": "Name a colour.", "id": "g1", "parameters": {"max_tokens": 12, "temperature": 0}}
    # The first answer read the prompt, later ones find it in the cache: the same numbers but for their last bits.
    server.call("POST", f"/v2/models/{model}/generate", json=asked)
    whole = server.call("POST", f"/v2/models/{model}/generate", json=asked).json()
    assert whole["id"] == "g1" and whole["model_version"] == "1" and whole["text_output"].strip()
    pieces = []
    headers = {"authorization": f"Bearer {server.key}"}
    with httpx.stream("POST", f"{server.url}/v2/models/{model}/generate_stream", json=asked, headers=headers,
                      timeout=120) as answer:
        assert answer.status_code == 200
        for line in answer.iter_lines():
            if line.startswith("data: "):
                pieces.append(json.loads(line.removeprefix("data: "))["text_output"])
    assert len(pieces) > 1 and "".join(pieces) == whole["text_output"]
    refused = server.call("POST", f"/v2/models/{model}/generate", expect=400, json={**asked, "beam_width": 4})
    assert "beam_width" in refused.json()["error"]
    server.call("POST", "/v2/models/nothing/generate", expect=404, json=asked)


def test_what_is_wrong_is_told_in_the_protocols_shape(server, trained, whole):
    good = plain_request(server, whole[:1])
    first = good["inputs"][0]

    def with_first(**changed) -> dict:
        return {"inputs": [{**first, **changed}, *good["inputs"][1:]]}

    infer = "/v2/models/income/infer"
    deep = "[" * 10_000 + "]" * 10_000
    cases = [
        (infer, json.dumps({"inputs": good["inputs"][1:]}), 400, first["name"]),
        (infer, json.dumps(with_first(datatype="FLOAT")), 400, "FLOAT"),
        (infer, json.dumps(with_first(datatype="FP16")), 400, "FP16"),
        (infer, json.dumps(with_first(shape=[1, 2])), 400, first["name"]),
        (infer, json.dumps(with_first(shape=[-1, 1])), 400, first["name"]),
        (infer, json.dumps(with_first(shape=[1 << 29, 1])), 400, first["name"]),
        (infer, json.dumps(with_first(shape=[1 << 62, 1 << 62])), 400, first["name"]),
        (infer, json.dumps({**good, "outputs": [{"name": "nothing"}]}), 400, "nothing"),
        (infer, json.dumps({**good, "parameters": {"sequence_id": 5}}), 400, "sequence_id"),
        (infer, f'{{"inputs": {deep}}}', 400, "JSON"),
        (infer, '{"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": ' + deep + "}]}", 400, "JSON"),
        (infer, "{", 400, "JSON"),
        ("/v2/models/income/versions/999/infer", json.dumps(good), 404, "999"),
        ("/v2/models/income/versions/0/infer", json.dumps(good), 400, "'0'"),
        ("/v2/models/income/versions/latest/infer", json.dumps(good), 404, "latest"),
        ("/v2/models/nothing/infer", json.dumps(good), 404, "nothing"),
        ("/v2/nowhere", "{}", 404, "/v2/nowhere"),
    ]
    for path, body, status, word in cases:
        answer = server.call("POST", path, expect=None, content=body, headers={"content-type": "application/json"})
        assert answer.status_code == status, (path, body[:80], answer.status_code, answer.text[:200])
        assert list(answer.json()) == ["error"] and word in answer.json()["error"], (body[:80], answer.text)
    answer = httpx.post(server.url + infer, json=good)
    assert answer.status_code == 401 and list(answer.json()) == ["error"]
    server.call("POST", infer, json=good)


def test_binary_tensors_must_fit_to_the_byte(server, trained, whole):
    inputs, raw = [], b""
    for tensor in metadata(server)["inputs"]:
        array = column(whole[:1], tensor["name"], tensor["datatype"], tensor["shape"])
        part = triton.serialize_byte_tensor(array).item() if tensor["datatype"] == "BYTES" else array.tobytes()
        inputs.append({"name": tensor["name"], "datatype": tensor["datatype"], "shape": list(array.shape),
                       "parameters": {"binary_data_size": len(part)}})
        raw += part
    head = json.dumps({"inputs": inputs}).encode()

    def send(raw: bytes, length: int) -> httpx.Response:
        return server.call("POST", "/v2/models/income/infer", expect=None, content=head + raw,
                           headers={"inference-header-content-length": str(length)})

    assert send(raw, len(head)).status_code == 200
    for bad in (send(raw + b"\0", len(head)), send(raw[:-1], len(head)), send(raw, len(head) + len(raw) + 1)):
        assert bad.status_code == 400 and bad.json()["error"]


def test_metrics_have_the_names_of_triton_and_vllm(server, trained, whole):
    ask_triton(server, whole)
    version = trained.result["version"]
    text = httpx.get(f"http://{server.metrics}/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    labels = f'{{model="income",version="{version}"}}'
    for name in ("request_success", "count", "exec_count", "request_duration_us", "compute_infer_duration_us"):
        assert float(lines[f"nv_inference_{name}{labels}"]) > 0, name
    assert f"nv_inference_pending_request_count{labels}" in lines
    assert float(lines["cairn_http_requests_in_flight"]) >= 0
    asked = {"text_input": "Hello", "parameters": {"max_tokens": 4}}
    server.call("POST", "/v2/models/SmolLM2-135M-Instruct/generate", json=asked)
    text = server.call("GET", "/metrics").text
    for name in ("num_requests_running", "num_requests_waiting", "prompt_tokens_total", "generation_tokens_total",
                 "request_success_total", "time_to_first_token_seconds_bucket", "inter_token_latency_seconds_count",
                 "e2e_request_latency_seconds_sum", "prefix_cache_queries_total", "prefix_cache_hits_total"):
        assert f"vllm:{name}{{engine=\"0\",model_name=\"" in text, name


def test_no_usage_is_lost_when_the_server_is_killed(own_server):
    """Requests that were answered are in the ledger, though no signal handler ran."""
    rows = train(own_server).rows
    asked = {"model": "income", "rows": rows[:2]}
    for number in range(50):
        own_server.call("POST", "/cairn/v1/predict", json=asked, headers={"x-request-id": f"ask-{number}"})
    own_server.kill()
    own_server.start()
    deadline = time.monotonic() + 20
    while True:
        with sqlite3.connect(f"file:{own_server.data}/records.db?mode=ro", uri=True) as records:
            found = records.execute(
                "SELECT request_id, input_tokens FROM usage_ledger WHERE request_id LIKE 'ask-%'").fetchall()
        if len(found) >= 50 or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    assert sorted(found) == sorted((f"ask-{number}", 2) for number in range(50))
