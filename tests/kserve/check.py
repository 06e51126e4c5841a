"""KServe's own inference clients, REST and gRPC, against a real server. Ends with 1 at the first failure."""

from __future__ import annotations

import asyncio
import pathlib
import sys
import tempfile

import numpy
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig
from kserve.inference_client import InferenceGRPCClient

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "clients"))
from cairn_server import Server  # noqa: E402
from onnx_file import scaled  # noqa: E402

ROWS = numpy.array([[1.5, -2.0], [4.0, 0.25]], dtype=numpy.float32)


def request(binary: bool) -> InferRequest:
    given = InferInput(name="x", shape=list(ROWS.shape), datatype="FP32")
    given.set_data_from_numpy(ROWS, binary_data=binary)
    return InferRequest(model_name="scaled", infer_inputs=[given])


async def over_rest(server: Server, headers: dict[str, str]) -> None:
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(server.url) is True
    assert await client.is_server_ready(server.url) is True
    assert await client.is_model_ready(server.url, "scaled", headers=headers) is True
    assert await client.is_model_ready(server.url, "absent", headers=headers) is False
    for binary in (False, True):
        answer = await client.infer(server.url, request(binary), model_name="scaled", headers=dict(headers))
        numpy.testing.assert_allclose(answer.outputs[0].as_numpy(), ROWS * 2)
    await client.close()


async def over_grpc(server: Server, headers: dict[str, str]) -> None:
    metadata = list(headers.items())
    async with InferenceGRPCClient(server.grpc) as client:
        assert await client.is_server_live(headers=metadata) is True
        assert await client.is_server_ready(headers=metadata) is True
        assert await client.is_model_ready("scaled", headers=metadata) is True
        answer = await client.infer(request(True), headers=metadata)
        numpy.testing.assert_allclose(answer.outputs[0].as_numpy(), ROWS * 2)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cairn-kserve-") as folder:
        server = Server(pathlib.Path(folder) / "data").start()
        try:
            file = {"file": ("scaled.onnx", scaled(2.0), "application/octet-stream")}
            server.call("POST", "/cairn/v1/models/scaled/versions", files=file)
            headers = {"authorization": f"Bearer {server.key}"}
            asyncio.run(over_rest(server, headers))
            asyncio.run(over_grpc(server, headers))
        finally:
            stopped = server.stop()
        assert stopped == 0, server.tail()
    print("KServe's clients: REST with JSON and binary tensors, gRPC: all passed")


if __name__ == "__main__":
    main()
