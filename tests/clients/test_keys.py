"""Keys that end and change, seen by stock clients of each protocol."""

from __future__ import annotations

import time

import grpc
import openai
import pytest
from tritonclient.grpc import service_pb2, service_pb2_grpc

KEYS = "/cairn/v1/keys"


def made(server, **wish) -> dict:
    wish = {"tenant": "keys", "role": "viewer", **wish}
    return server.call("POST", KEYS, json=wish).json()


def listing(server, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key=key, max_retries=0, timeout=30)


def test_a_key_that_has_expired_is_told_by_every_protocol(server):
    ends = int(time.time()) + 2
    key = made(server, expires_at=ends)
    client = listing(server, key["key"])
    client.models.list()
    wanted = service_pb2.ModelMetadataRequest(name="none")
    sent = [("authorization", f"Bearer {key['key']}")]
    with grpc.insecure_channel(server.grpc) as channel:
        stub = service_pb2_grpc.GRPCInferenceServiceStub(channel)
        with pytest.raises(grpc.RpcError) as unknown:
            stub.ModelMetadata(wanted, metadata=sent)
        assert unknown.value.code() == grpc.StatusCode.NOT_FOUND, "the key works still"
        while time.time() < ends + 0.1:
            time.sleep(0.1)
        with pytest.raises(grpc.RpcError) as refused:
            stub.ModelMetadata(wanted, metadata=sent)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "expired" in refused.value.details() and key["id"] in refused.value.details()
    with pytest.raises(openai.AuthenticationError) as refused:
        client.models.list()
    assert refused.value.code == "key_expired"
    headers = {"authorization": f"Bearer {key['key']}"}
    told = server.call("GET", "/v2/models/none", expect=401, headers=headers)
    assert "expired" in told.json()["error"]
    # More time brings it back.
    server.call("PATCH", f"{KEYS}/{key['id']}", json={"expires_at": ends + 600})
    client.models.list()


def test_a_rotation_during_its_grace_fails_no_client(server):
    key = made(server, principals=["user:ada"])
    old = listing(server, key["key"])
    old.models.list()
    turned = server.call("POST", f"{KEYS}/{key['id']}/rotate", json={"grace_s": 600}).json()
    assert turned["id"] == key["id"] and turned["key"] != key["key"]
    old.models.list()
    listing(server, turned["key"]).models.list()
    server.call("POST", f"{KEYS}/{key['id']}/rotate", json={})
    for secret in (key["key"], turned["key"]):
        with pytest.raises(openai.AuthenticationError):
            listing(server, secret).models.list()
