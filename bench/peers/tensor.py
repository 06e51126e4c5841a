"""One ONNX model behind Cairn and behind MLServer: requests per second with 1 and 32 clients, one run.

    python tensor.py

The model is trained by Cairn from the example table; MLServer serves the file that Cairn hands out, with ONNX
Runtime. The load is `wrk`, one row a request, JSON both ways; Cairn authenticates, counts usage and keeps its ledger.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
from cairn_server import Server, free_port  # noqa: E402

SECONDS = int(os.environ.get("SECONDS_EACH", "8"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))


def train(server: Server) -> bytes:
    """Trains, deploys, and returns the ONNX file."""
    table = (ROOT / "examples" / "tables" / "abalone.csv").read_bytes()
    server.call("POST", "/cairn/v1/datasets", expect=None, files={"file": ("abalone.csv", table)}, data={"name": "abalone"})
    run = server.call("POST", "/cairn/v1/training_runs", expect=202, json={
        "dataset": "abalone", "target": "rings", "name": "abalone", "budget_seconds": 10, "seed": 1}).json()
    while run["status"] in ("queued", "running"):
        time.sleep(0.5)
        run = server.call("GET", f"/cairn/v1/training_runs/{run['id']}").json()
    assert run["status"] == "succeeded", run
    version = run["result"]["version"]
    server.call("POST", "/cairn/v1/models/abalone/deploy", json={"version": version})
    return server.call("GET", f"/cairn/v1/models/abalone/versions/{version}/onnx").content


def request(server: Server) -> dict:
    """One row, in the names and types that the model's metadata gives."""
    known = server.call("GET", "/v2/models/abalone").json()
    row = {"sex": "M"}
    inputs = []
    for given in known["inputs"]:
        value = row.get(given["name"], "M" if given["datatype"] == "BYTES" else 0.3)
        inputs.append({"name": given["name"], "datatype": given["datatype"], "data": [value],
                       "shape": [1] * max(1, len(given["shape"]))})
    return {"inputs": inputs}


class MlServer:
    """MLServer in a process of its own with its defaults, but for the ports."""

    def __init__(self, folder: pathlib.Path, model: bytes) -> None:
        folder.mkdir()
        (folder / "model.onnx").write_bytes(model)
        (folder / "mlserver_onnx.py").write_text((pathlib.Path(__file__).parent / "mlserver_onnx.py").read_text())
        port = free_port()
        settings = {"http_port": port, "grpc_port": free_port(), "metrics_port": free_port(), "host": "127.0.0.1",
                    "debug": False, "use_structured_logging": False}
        (folder / "settings.json").write_text(json.dumps(settings))
        (folder / "model-settings.json").write_text(json.dumps({
            "name": "abalone", "implementation": "mlserver_onnx.OnnxModel", "parameters": {"uri": str(folder / "model.onnx")}}))
        program = pathlib.Path(sys.executable).parent / "mlserver"
        self.log = open(folder / "log", "wb")
        self.process = subprocess.Popen([program, "start", str(folder)], cwd=folder, stdout=self.log, stderr=self.log,
                                        start_new_session=True)
        self.url = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                if httpx.get(f"{self.url}/v2/models/abalone/ready").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.25)
        raise SystemExit("MLServer did not start:\n" + (folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        """Ends it with its workers, which outlive a signal to the first process."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)


def load(folder: pathlib.Path, url: str, key: str | None, body: dict, clients: int) -> tuple[float, float]:
    """Requests per second and the median latency in milliseconds."""
    script = folder / "post.lua"
    header = f'wrk.headers["Authorization"] = "Bearer {key}"\n' if key else ""
    script.write_text('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
                      f"{header}wrk.body = [==[{json.dumps(body)}]==]\n")
    done = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{SECONDS}s", "--latency", "-s", str(script),
                           f"{url}/v2/models/abalone/infer"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in done:
        raise SystemExit(done)
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", done)[1])
    value, unit = re.search(r"50%\s+([\d.]+)(us|ms|s)", done).groups()
    return rate, float(value) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[unit]


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="cairn-bench-") as name:
        folder = pathlib.Path(name)
        server = Server(folder / "data").start()
        peer = None
        try:
            file = train(server)
            body = request(server)
            peer = MlServer(folder / "mlserver", file)
            theirs = httpx.post(f"{peer.url}/v2/models/abalone/infer", json=body)
            ours = server.call("POST", "/v2/models/abalone/infer", json=body)
            assert theirs.status_code == 200, theirs.text
            a, b = (float(answer.json()["outputs"][0]["data"][0]) for answer in (ours, theirs))
            assert abs(a - b) < 1e-4, (a, b)
            for clients in (1, 32):
                rounds = [[load(folder, server.url, server.key, body, clients), load(folder, peer.url, None, body, clients)]
                          for _ in range(ROUNDS)]
                ratio = statistics.median(ours[0] / theirs[0] for ours, theirs in rounds)
                middle = [[statistics.median(r[side][what] for r in rounds) for what in (0, 1)] for side in (0, 1)]
                print(f"v2 infer, {clients} client(s): cairn {middle[0][0]:.0f} requests/s (p50 {middle[0][1]:.2f} ms), "
                      f"MLServer {middle[1][0]:.0f} requests/s (p50 {middle[1][1]:.2f} ms), ratio {ratio:.1f}", flush=True)
        finally:
            if peer:
                peer.stop()
            server.stop()


if __name__ == "__main__":
    main()
