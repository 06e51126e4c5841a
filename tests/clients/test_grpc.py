"""The Open Inference Protocol over gRPC, by Triton's own client and its bare messages."""

from __future__ import annotations

import queue
import re
import struct
import time

import grpc
import numpy
import pytest
import tritonclient.grpc as triton
import tritonclient.http
from tritonclient.grpc import service_pb2, service_pb2_grpc

from tensors import TOLERANCE, column, metadata


@pytest.fixture
def headers(server) -> dict[str, str]:
    return {"authorization": f"Bearer {server.key}"}


@pytest.fixture
def client(server):
    with triton.InferenceServerClient(url=server.grpc) as client:
        yield client


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def call(headers: dict[str, str]) -> list[tuple[str, str]]:
    return list(headers.items())


@pytest.fixture
def whole(trained) -> list[dict]:
    return [row for row in trained.rows if None not in row.values()]


def inputs(server, rows: list[dict]) -> list[triton.InferInput]:
    made = []
    for tensor in metadata(server)["inputs"]:
        array = column(rows, tensor["name"], tensor["datatype"], tensor["shape"])
        wanted = triton.InferInput(tensor["name"], list(array.shape), tensor["datatype"])
        wanted.set_data_from_numpy(array)
        made.append(wanted)
    return made


def over_http(server, rows: list[dict]) -> dict[str, numpy.ndarray]:
    made = []
    described = metadata(server)
    for tensor in described["inputs"]:
        array = column(rows, tensor["name"], tensor["datatype"], tensor["shape"])
        wanted = tritonclient.http.InferInput(tensor["name"], list(array.shape), tensor["datatype"])
        wanted.set_data_from_numpy(array)
        made.append(wanted)
    host = server.url.removeprefix("http://")
    with tritonclient.http.InferenceServerClient(url=host, network_timeout=60) as client:
        answer = client.infer("income", made, headers={"authorization": f"Bearer {server.key}"})
        return {tensor["name"]: answer.as_numpy(tensor["name"]) for tensor in described["outputs"]}


def typed_request(server, rows: list[dict]) -> service_pb2.ModelInferRequest:
    request = service_pb2.ModelInferRequest(model_name="income", id="typed")
    for tensor in metadata(server)["inputs"]:
        array = column(rows, tensor["name"], tensor["datatype"], tensor["shape"])
        made = request.inputs.add(name=tensor["name"], datatype=tensor["datatype"], shape=list(array.shape))
        if tensor["datatype"] == "BYTES":
            made.contents.bytes_contents.extend(str(value).encode() for value in array.ravel())
        else:
            made.contents.fp32_contents.extend(array.ravel().tolist())
    return request


def agree(left: numpy.ndarray, right: numpy.ndarray, what: str) -> None:
    assert left.shape == right.shape, what
    if left.dtype.kind == "f":
        assert numpy.abs(left - right).max() <= TOLERANCE, what
    else:
        assert left.tolist() == right.tolist(), what


def code_of(refused: pytest.ExceptionInfo) -> str:
    return str(refused.value.status())


def test_the_server_and_its_models_are_described(server, trained, client, headers):
    assert client.is_server_live() and client.is_server_ready()
    about = client.get_server_metadata()
    assert about.name == "cairn" and "statistics" in about.extensions
    assert client.is_model_ready("income", headers=headers)
    assert not client.is_model_ready("nothing", headers=headers)
    ours = client.get_model_metadata("income", headers=headers, as_json=True)
    theirs = metadata(server)
    assert ours["name"] == "income" and ours["versions"] == theirs["versions"]
    assert ours["platform"] == theirs["platform"]
    for side in ("inputs", "outputs"):
        shown = [{**tensor, "shape": [int(size) for size in tensor["shape"]]} for tensor in ours[side]]
        assert shown == theirs[side]


def test_grpc_and_http_say_the_same(server, trained, client, headers):
    ours = client.infer("income", inputs(server, trained.rows), headers=headers, request_id="r-7")
    assert ours.get_response().id == "r-7"
    assert ours.get_response().model_version == str(trained.result["version"])
    for name, array in over_http(server, trained.rows).items():
        agree(ours.as_numpy(name), array, name)


def test_typed_contents_and_raw_ones_are_the_same(server, trained, whole, client, stub, headers):
    answer = stub.ModelInfer(typed_request(server, whole), metadata=call(headers))
    assert answer.id == "typed" and len(answer.raw_output_contents) == len(answer.outputs)
    raw = client.infer("income", inputs(server, whole), headers=headers)
    shares = numpy.frombuffer(
        dict(zip([output.name for output in answer.outputs], answer.raw_output_contents))["probabilities"],
        dtype=numpy.float32).reshape(len(whole), -1)
    agree(shares, raw.as_numpy("probabilities"), "probabilities")


def test_packed_messages_are_read(server, trained, whole, client, headers):
    packed = client.infer("income", inputs(server, whole), headers=headers, compression_algorithm="gzip")
    agree(packed.as_numpy("probabilities"), over_http(server, whole)["probabilities"], "probabilities")


def test_classes_come_in_place_of_a_tensor(server, trained, whole, client, headers):
    outputs = [triton.InferRequestedOutput("probabilities", class_count=1)]
    answer = client.infer("income", inputs(server, whole), outputs=outputs, headers=headers)
    classes = trained.result["classes"]
    for text in answer.as_numpy("probabilities").ravel():
        _, index, label = text.decode().split(":")
        assert label == classes[int(index)]


def test_a_stream_answers_in_order_and_goes_on_after_a_failure(server, trained, whole, client, headers):
    answers: queue.Queue = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)), headers=headers)
    single = [inputs(server, [row]) for row in whole[:12]]
    for number, one in enumerate(single):
        client.async_stream_infer("income", one, request_id=str(number))
    client.async_stream_infer("nothing", single[0], request_id="bad")
    client.async_stream_infer("income", single[0], request_id="last")
    seen = [answers.get(timeout=60) for _ in range(len(single) + 2)]
    client.stop_stream()
    together = over_http(server, whole[:12])["probabilities"]
    for number, (result, error) in enumerate(seen[:12]):
        assert error is None and result.get_response().id == str(number)
        agree(result.as_numpy("probabilities"), together[number : number + 1], str(number))
    assert "nothing" in str(seen[12][1])
    assert seen[13][1] is None and seen[13][0].get_response().id == "last"


def test_configuration_and_statistics(server, trained, whole, client, headers):
    config = client.get_model_config("income", headers=headers).config
    over_rest = server.call("GET", "/v2/models/income/config").json()
    assert config.name == "income" and config.max_batch_size == over_rest["max_batch_size"]
    assert config.WhichOneof("scheduling_choice") == ("dynamic_batching" if config.max_batch_size else None)
    assert [tensor.name for tensor in config.input] == [tensor["name"] for tensor in over_rest["input"]]
    assert config.version_policy.WhichOneof("policy_choice") == "all"
    assert config.parameters["cairn.engine"].string_value == config.platform
    version = str(trained.result["version"])
    before = client.get_inference_statistics("income", version, headers=headers).model_stats[0]
    client.infer("income", inputs(server, whole), headers=headers)
    after = client.get_inference_statistics("income", version, headers=headers).model_stats[0]
    assert after.inference_count - before.inference_count == len(whole)
    assert after.inference_stats.success.count - before.inference_stats.success.count == 1
    assert after.inference_stats.success.ns > before.inference_stats.success.ns
    assert sum(batch.compute_infer.count for batch in after.batch_stats) == after.execution_count


def test_a_model_is_unloaded_and_loaded_again(server, trained, whole, client, headers):
    def state() -> str:
        listed = client.get_model_repository_index(headers=headers).models
        return next(model.state for model in listed if model.name == "income")

    good = inputs(server, whole)
    client.load_model("income", headers=headers)
    assert state() == "READY"
    client.unload_model("income", headers=headers)
    assert state() == "UNAVAILABLE" and not client.is_model_ready("income", headers=headers)
    with pytest.raises(triton.InferenceServerException, match="was unloaded") as refused:
        client.infer("income", good, headers=headers)
    assert "FAILED_PRECONDITION" in code_of(refused)
    with pytest.raises(triton.InferenceServerException, match="takes no parameter"):
        client.load_model("income", headers=headers, config="{}")
    client.load_model("income", headers=headers)
    assert state() == "READY" and client.is_model_ready("income", headers=headers)


def test_failures_have_their_codes(server, trained, whole, client, headers):
    good = inputs(server, whole)
    for wanted, act in [
        ("NOT_FOUND", lambda: client.infer("nothing", good, headers=headers)),
        ("NOT_FOUND", lambda: client.infer("income", good, model_version="999", headers=headers)),
        ("NOT_FOUND", lambda: client.infer("income", good, model_version="new", headers=headers)),
        ("INVALID_ARGUMENT", lambda: client.infer("income", good[1:], headers=headers)),
        ("INVALID_ARGUMENT", lambda: client.infer("income", good, sequence_id=3, headers=headers)),
        ("UNAUTHENTICATED", lambda: client.infer("income", good)),
        ("UNAUTHENTICATED", lambda: client.get_model_metadata("income", headers={"authorization": "Bearer no"})),
        ("UNIMPLEMENTED", lambda: client.get_system_shared_memory_status(headers=headers)),
        ("UNIMPLEMENTED", lambda: client.register_system_shared_memory("r", "/r", 8, headers=headers)),
        ("UNIMPLEMENTED", lambda: client.get_trace_settings(headers=headers)),
        ("UNIMPLEMENTED", lambda: client.get_log_settings(headers=headers)),
    ]:
        with pytest.raises(triton.InferenceServerException) as refused:
            act()
        assert wanted in code_of(refused) and refused.value.message(), wanted


def test_bare_messages_that_are_wrong_are_refused_by_name(server, trained, whole, stub, headers):
    def refusal(change) -> grpc.RpcError:
        request = typed_request(server, whole[:1])
        change(request)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelInfer(request, metadata=call(headers))
        return refused.value

    first = metadata(server)["inputs"][0]["name"]

    def both(request):
        request.raw_input_contents.extend([b""] * len(request.inputs))

    def too_few(request):
        del request.inputs[0].contents.bytes_contents[:]
        del request.inputs[0].contents.fp32_contents[:]

    def huge(request):
        request.inputs[0].shape[:] = [1 << 29, 1]

    def beyond(request):
        request.inputs[0].shape[:] = [1 << 62, 1 << 62]

    def shared(request):
        request.inputs[0].parameters["shared_memory_region"].string_param = "r"

    for change in (both, too_few, huge, beyond, shared):
        failure = refusal(change)
        assert failure.code() == grpc.StatusCode.INVALID_ARGUMENT, change.__name__
        assert f"'{first}'" in failure.details(), (change.__name__, failure.details())

    def odd(request):
        for tensor in request.inputs:
            tensor.ClearField("contents")
        request.raw_input_contents.append(struct.pack("<f", 1))

    assert "raw_input_contents" in refusal(odd).details()
    # The messages that failed left the server as it was.
    stub.ModelInfer(typed_request(server, whole), metadata=call(headers))


def test_a_message_beyond_the_limit_is_refused(server, trained, stub, headers):
    request = service_pb2.ModelInferRequest(model_name="income")
    request.raw_input_contents.append(b"\0" * (33 << 20))
    with pytest.raises(grpc.RpcError) as refused:
        stub.ModelInfer(request, metadata=call(headers))
    assert refused.value.code() in (grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.RESOURCE_EXHAUSTED)


def test_a_packed_bomb_is_refused(server, trained, whole, stub, headers):
    request = service_pb2.ModelInferRequest(model_name="income")
    request.raw_input_contents.append(b"\0" * (64 << 20))
    with pytest.raises(grpc.RpcError):
        stub.ModelInfer(request, metadata=call(headers), compression=grpc.Compression.Gzip)
    stub.ModelInfer(typed_request(server, whole), metadata=call(headers))


def test_a_deadline_that_passed_ends_the_call(server, trained, whole, client, headers):
    # gRPC rounds a deadline up to a millisecond or two, within which a few rows are answered.
    many = inputs(server, (whole * 1_000)[:100_000])
    for seconds in (1e-6, 0.01, 0.02):
        with pytest.raises(triton.InferenceServerException) as refused:
            client.infer("income", many, headers=headers, client_timeout=seconds)
        assert "DEADLINE_EXCEEDED" in code_of(refused) or "Deadline" in str(refused.value)
    client.infer("income", inputs(server, whole), headers=headers, client_timeout=30)
    # Calls that were dropped are over, and counted.
    until = time.monotonic() + 20
    while "\ncairn_grpc_requests_in_flight 0\n" not in (seen := server.call("GET", "/metrics").text):
        assert time.monotonic() < until, seen
        time.sleep(0.05)
    assert re.search(r'^cairn_grpc_requests_total\{[^}]*code="Cancelled"\} [1-9]', seen, re.MULTILINE)


def test_every_answer_has_an_id_and_a_revoked_key_stops_at_once(server, trained, whole, client, stub):
    made = server.call("POST", "/cairn/v1/keys", expect=None,
                       json={"tenant": "default", "role": "viewer", "name": "short"}).json()
    sent = [("authorization", f"Bearer {made['key']}"), ("x-request-id", "mine-1")]
    _, done = stub.ModelInfer.with_call(typed_request(server, whole), metadata=sent)
    assert dict(done.initial_metadata()).get("x-request-id") == "mine-1"
    answers: queue.Queue = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)), headers=dict(sent))
    one = inputs(server, whole[:1])
    client.async_stream_infer("income", one)
    assert answers.get(timeout=30)[1] is None
    server.call("DELETE", f"/cairn/v1/keys/{made['id']}", expect=None).raise_for_status()
    client.async_stream_infer("income", one)
    assert "key" in str(answers.get(timeout=30)[1])
    client.stop_stream()
    with pytest.raises(grpc.RpcError) as refused:
        stub.ModelInfer(typed_request(server, whole), metadata=sent)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
