"""One trained model, asked through every door: all must say the same.

The same rows go through the Triton client (binary tensors), plain JSON on the
Open Inference Protocol, Cairn's own predict call, and ONNX Runtime on the file
that the server hands out.
"""

from __future__ import annotations

import csv
import io
import time
import types

import numpy
import onnxruntime
import pytest
import tritonclient.http as triton

import samples

TOLERANCE = 1e-5
TRAIN_SECONDS = 240
NUMPY_OF = {
    "FP32": numpy.float32, "FP64": numpy.float64, "INT64": numpy.int64, "INT32": numpy.int32,
    "BOOL": numpy.bool_, "BYTES": numpy.object_,
}


def rows_of(text: str) -> list[dict]:
    """CSV rows as JSON would carry them: numbers as numbers, empty cells as null."""
    def cell(value: str):
        if value == "":
            return None
        try:
            return float(value)
        except ValueError:
            return value

    return [{name: cell(value) for name, value in row.items()} for row in csv.DictReader(io.StringIO(text))]


@pytest.fixture(scope="module")
def trained(server):
    """A classifier trained through the API and deployed, and fresh rows for it."""
    table = samples.people_table(600)
    server.call("POST", "/cairn/v1/datasets", expect=None, files={"file": ("people.csv", table, "text/csv")},
                data={"name": "people"}).raise_for_status()
    run = server.call("POST", "/cairn/v1/training_runs", expect=202, json={
        "dataset": "people", "target": "income", "name": "income", "budget_seconds": 15, "seed": 1,
    }).json()
    deadline = time.monotonic() + TRAIN_SECONDS
    while run["status"] in ("queued", "running"):
        assert time.monotonic() < deadline, run
        time.sleep(0.25)
        run = server.call("GET", f"/cairn/v1/training_runs/{run['id']}").json()
    assert run["status"] == "succeeded", run["error"]
    result = run["result"]
    server.call("POST", "/cairn/v1/models/income/deploy", json={"version": result["version"]})
    fresh = rows_of(samples.people_table(40, seed=99))
    rows = [{name: value for name, value in row.items() if name != "income"} for row in fresh]
    file = server.call("GET", f"/cairn/v1/models/income/versions/{result['version']}/onnx").content
    return types.SimpleNamespace(result=result, rows=rows, file=file)


def metadata(server) -> dict:
    return server.call("GET", "/v2/models/income").json()


def column(rows: list[dict], name: str, datatype: str, shape: list[int]) -> numpy.ndarray:
    """One input tensor from a column; a missing number is NaN, a missing word is empty."""
    values = [row[name] for row in rows]
    if datatype == "BYTES":
        array = numpy.array(["" if value is None else str(value) for value in values], dtype=numpy.object_)
    else:
        array = numpy.array([numpy.nan if value is None else value for value in values]).astype(NUMPY_OF[datatype])
    return array.reshape([len(rows)] + [1] * (len(shape) - 1))


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
