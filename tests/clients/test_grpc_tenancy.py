"""The Open Inference Protocol over gRPC, asked by another tenant: nothing of a model crosses.
A method that the service gains fails this until it is listed here."""

from __future__ import annotations

import grpc
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

from test_grpc import typed_request

MODEL = "income"
NOBODYS = "emocni"
METHODS = service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
SAID_TO_ALL = {"ServerLive", "ServerReady", "ServerMetadata"}
LISTS = {"RepositoryIndex"}
# Not ready, whatever the reason; a stream tells its failures in its messages.
FAILS_WITHIN = {"ModelReady", "ModelStreamInfer"}
HIDDEN = {"ModelMetadata", "ModelConfig", "ModelStatistics", "ModelInfer", "RepositoryModelLoad", "RepositoryModelUnload"}
NOT_SERVED = {
    *(f"{kind}SharedMemory{what}" for kind in ("System", "Cuda") for what in ("Status", "Register", "Unregister")),
    "TraceSetting",
    "LogSettings",
}


@pytest.fixture
def stub(server):
    with grpc.insecure_channel(server.grpc) as channel:
        yield service_pb2_grpc.GRPCInferenceServiceStub(channel)


def key_of(server, tenant: str) -> list[tuple[str, str]]:
    made = server.call(
        "POST", "/cairn/v1/keys", expect=None, json={"tenant": tenant, "role": "editor", "name": tenant}
    )
    made.raise_for_status()
    return [("authorization", f"Bearer {made.json()['key']}")]


def request(server, trained, method, model: str):
    """A whole request of a method about a model."""
    if method.name in ("ModelInfer", "ModelStreamInfer"):
        made = typed_request(server, [row for row in trained.rows if None not in row.values()])
        made.model_name = model
        return made
    made = method.input_type._concrete_class()
    names = method.input_type.fields_by_name
    if "model_name" in names:
        made.model_name = model
    elif "name" in names and method.name.startswith("Model"):
        made.name = model
    return made


def outcome(stub, method, asked, metadata) -> tuple[str, str]:
    """The code of a call, and its answer or the words of its refusal."""
    call = getattr(stub, method.name)
    try:
        if method.client_streaming:
            [answer] = call(iter([asked]), metadata=metadata, timeout=60)
        else:
            answer = call(asked, metadata=metadata, timeout=60)
    except grpc.RpcError as refused:
        return refused.code().name, refused.details()
    return "OK", str(answer)


def picture(stub, metadata) -> tuple[int, list]:
    """How often the owner's model was asked, and its versions."""
    counted = stub.ModelStatistics(service_pb2.ModelStatisticsRequest(name=MODEL), metadata=metadata)
    listed = stub.RepositoryIndex(service_pb2.RepositoryIndexRequest(), metadata=metadata)
    versions = [(model.version, model.state) for model in listed.models if model.name == MODEL]
    return sum(model.inference_count for model in counted.model_stats), versions


def test_no_method_shows_another_tenants_model(server, trained, stub):
    owner = [("authorization", f"Bearer {server.key}")]
    assert stub.ModelReady(service_pb2.ModelReadyRequest(name=MODEL), metadata=owner).ready
    before = picture(stub, owner)
    assert before[1], "the owner has no model, so nothing is tested"
    stranger = key_of(server, "neighbours")
    listed = SAID_TO_ALL | LISTS | FAILS_WITHIN | HIDDEN | NOT_SERVED
    assert {method.name for method in METHODS} == listed
    for method in METHODS:
        code, told = outcome(stub, method, request(server, trained, method, MODEL), stranger)
        nowhere = outcome(stub, method, request(server, trained, method, NOBODYS), stranger)
        # What another tenant has and what nobody has is told alike.
        assert (code, told.replace(MODEL, NOBODYS)) == nowhere, method.name
        if method.name in HIDDEN:
            assert code == "NOT_FOUND", (method.name, code, told)
        elif method.name in NOT_SERVED:
            assert code == "UNIMPLEMENTED", (method.name, code, told)
        else:
            assert code == "OK", (method.name, code, told)
        if method.name in LISTS:
            assert MODEL not in told, told
        if method.name in FAILS_WITHIN:
            assert "ready: true" not in told and "outputs" not in told, told
        keyless, _ = outcome(stub, method, request(server, trained, method, MODEL), [])
        expected = {"OK"} if method.name in SAID_TO_ALL else {"UNAUTHENTICATED", "UNIMPLEMENTED"}
        assert keyless in expected, (method.name, keyless)
    every = stub.ModelStatistics(service_pb2.ModelStatisticsRequest(), metadata=stranger)
    assert not every.model_stats
    assert picture(stub, owner) == before
