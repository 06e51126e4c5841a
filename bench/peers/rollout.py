"""Canaries that judge themselves, and a rollback under load: all at 500 requests per second.

    python rollout.py [RATE]

Three versions of a model that multiplies by a factor: the truth is 1.0, the stable version is off by 10 %, a worse one
by 100 %, a better one is right. Each answer is rated through the feedback door by how far it is off. A canary of the
worse version must roll itself back, one of the better must be promoted, and a rollback by hand must fail no request
and hold for every request sent after it. The client speaks HTTP/1.1 on kept connections. Ends with 1 if one does not.
"""

from __future__ import annotations

import asyncio
import collections
import json
import pathlib
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
from cairn_server import Server  # noqa: E402
from onnx_file import scaled  # noqa: E402

RATE = int(sys.argv[1]) if len(sys.argv) > 1 else 500
CONNECTIONS = 32
ROLLOUT = "/cairn/v1/models/scaled/rollout"
BODY = {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 1]}]}
STEPS = [{"percent": percent, "min_seconds": 1, "min_samples": 100} for percent in (10, 30, 60)]
GATES = {"min_samples": 50, "max_error_rate": 0.01, "max_p99_ms": 250, "max_reward_drop": 0.0}


class Client:
    """Kept connections, each with one request at a time."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.free: asyncio.Queue = asyncio.Queue()

    async def connect(self) -> None:
        for _ in range(CONNECTIONS):
            self.free.put_nowait(await asyncio.open_connection("127.0.0.1", self.server.port))

    async def post(self, path: str, body: dict) -> tuple[int, dict, str]:
        """Status, body and request id."""
        sent = json.dumps(body).encode()
        head = (f"POST {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {self.server.key}\r\n"
                f"content-type: application/json\r\ncontent-length: {len(sent)}\r\n\r\n")
        reader, writer = connection = await self.free.get()
        writer.write(head.encode() + sent)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
        answered = await reader.readexactly(int(headers["content-length"]))
        self.free.put_nowait(connection)
        return int(lines[0].split()[1]), json.loads(answered), headers["x-request-id"]


async def at_rate(count: int, act, stop=lambda: False) -> float:
    """Runs `act(number)` at RATE a second; the rate reached."""
    began, running, number = time.monotonic(), set(), 0
    while number < count and not stop():
        if (wait := began + number / RATE - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        task = asyncio.create_task(act(number))
        running.add(task)
        task.add_done_callback(running.discard)
        number += 1
    reached = number / (time.monotonic() - began)
    await asyncio.gather(*running)
    return reached


async def canary(client: Client, version: int, wanted: str) -> bool:
    """A canary with rated answers, until it ends by itself."""
    plan = {"strategy": "canary", "version": version, "steps": STEPS, "gates": GATES}
    client.server.call("PUT", ROLLOUT, json={"plan": plan, "stable": 1})
    seen: collections.Counter = collections.Counter()
    ended = {}

    async def one(number: int) -> None:
        status, answer, request = await client.post("/v2/models/scaled/infer", BODY)
        seen[status, answer.get("model_version")] += 1
        if status == 200 and number % 2 == 0:
            reward = 1 - min(1.0, abs(answer["outputs"][0]["data"][0] - 1))
            await client.post("/cairn/v1/models/scaled/feedback", {"request_id": request, "reward": reward})

    async def watch() -> None:
        while not ended:
            await asyncio.sleep(0.2)
            now = await asyncio.to_thread(lambda: client.server.call("GET", ROLLOUT).json())
            if now["status"] != "running":
                ended.update(now)

    began = time.monotonic()
    watching = asyncio.create_task(watch())
    reached = await at_rate(RATE * 60, one, lambda: bool(ended))
    watching.cancel()
    took = time.monotonic() - began
    asked = sum(count for (_, answered), count in seen.items() if answered == str(version))
    failed = sum(count for (status, _), count in seen.items() if status != 200)
    print(f"canary of version {version} at {reached:.0f} requests/s: {ended.get('status', 'never ended')} after "
          f"{took:.1f} s ({ended['history'][0]['reason'] if ended else ''}); it answered {asked} of "
          f"{sum(seen.values())} requests, {failed} failed", flush=True)
    return ended.get("status") == wanted and failed == 0


async def by_hand(client: Client) -> bool:
    """A rollback in the middle of ten seconds of load."""
    weights = [{"version": 1, "weight": 1}, {"version": 2, "weight": 1}]
    client.server.call("PUT", ROLLOUT, json={"plan": {"strategy": "fixed", "weights": weights}, "stable": 1})
    seen: collections.Counter = collections.Counter()
    took = []

    async def one(number: int) -> None:
        if number == RATE * 5:
            began = time.monotonic()
            status, _, _ = await client.post(f"{ROLLOUT}/rollback", {"reason": "by hand"})
            assert status == 200
            took.append(time.monotonic() - began)
            return
        after = bool(took)
        status, answer, _ = await client.post("/v2/models/scaled/infer", BODY)
        seen[status, after, answer.get("model_version")] += 1

    reached = await at_rate(RATE * 10, one)
    failed = sum(count for (status, _, _), count in seen.items() if status != 200)
    late = seen[200, True, "2"]
    print(f"rollback by hand at {reached:.0f} requests/s: {took[0] * 1000:.1f} ms, {failed} of {sum(seen.values())} "
          f"requests failed, {late} sent after it were answered by the version that was taken back")
    return took[0] < 1 and failed == 0 and late == 0 and seen[200, False, "2"] > 0


async def run(server: Server) -> bool:
    for factor in (1.1, 2.0, 1.0):
        file = ("scaled.onnx", scaled(factor), "application/octet-stream")
        server.call("POST", "/cairn/v1/models/scaled/versions", files={"file": file})
    server.call("POST", "/cairn/v1/models/scaled/deploy", json={"version": 1})
    client = Client(server)
    await client.connect()
    worse = await canary(client, 2, "rolled_back")
    hand = await by_hand(client)
    better = await canary(client, 3, "promoted")
    return worse and hand and better


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="cairn-rollout-") as folder:
        server = Server(pathlib.Path(folder) / "data").start()
        try:
            return 0 if asyncio.run(run(server)) else 1
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main())
