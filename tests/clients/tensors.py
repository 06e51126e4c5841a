"""A trained model for tests of inference, and its rows as tensors."""

from __future__ import annotations

import csv
import io
import time
import types

import numpy

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


def train(server) -> types.SimpleNamespace:
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
