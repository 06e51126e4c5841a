"""Starts, stops and kills a real Cairn server for tests.

As a program it runs one command against a fresh server:

    python cairn_server.py COMMAND [ARGUMENT...]

with CAIRN_URL and CAIRN_KEY set, and SOURCES_FOLDER, a folder that its sources may read;
stops the server afterwards, and ends with the command's status, or with 1 when the server
did not stop cleanly.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import random
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import httpx
import psutil

CACHE = pathlib.Path.home() / ".cache" / "cairn"
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
START_SECONDS = 180
STOP_SECONDS = 60


def binary() -> pathlib.Path:
    """The program under test: CAIRN_BIN, or the one cargo built."""
    if named := os.environ.get("CAIRN_BIN"):
        return pathlib.Path(named)
    target = os.environ.get("CARGO_TARGET_DIR") or str(CACHE / "target")
    return pathlib.Path(target) / "debug" / "cairn"


# Ports that the kernel does not give to outgoing connections, as it is set up as a rule: one of these
# could have a server's port before the server has, or between two starts.
PORTS = range(10_000, 32_768)
GIVEN: set[int] = set()


def free_port() -> int:
    """A loopback port that nobody listens on; none is given twice."""
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in GIVEN:
                GIVEN.add(port)
                return port


class Server:
    """One server on a loopback port with a data directory that outlives restarts."""

    def __init__(self, data: pathlib.Path) -> None:
        self.data = data
        self.log = data.parent / f"{data.name}.log"
        self.key = f"ck_{uuid.uuid4().hex}_{secrets.token_hex(32)}"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.grpc = f"127.0.0.1:{free_port()}"
        self.metrics = f"127.0.0.1:{free_port()}"
        self.process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name not in ("CAIRN_URL", "CAIRN_KEY")}
        own["CAIRN_ADMIN_KEY"] = self.key
        own["CAIRN_GRPC_LISTEN"] = self.grpc
        own["CAIRN_METRICS_LISTEN"] = self.metrics
        own["CAIRN_METRICS_COMPAT"] = "true"
        own.setdefault("CAIRN_MODELS_DIR", str(CACHE / "models"))
        own.setdefault("CAIRN_LLM", "SmolLM2-135M-Instruct")
        return own

    def start(self) -> Server:
        """Starts the program and waits until it is ready and its engines are loaded."""
        self.launch()
        self.wait_ready()
        return self

    def launch(self) -> None:
        """Starts the program."""
        program = binary()
        if not program.is_file():
            raise FileNotFoundError(f"{program} is missing: run `cargo build -p cairn`, or set CAIRN_BIN")
        command = [str(program), "up", "--data", str(self.data), "--listen", f"127.0.0.1:{self.port}"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.process.returncode}\n{self.tail()}")
            try:
                if httpx.get(f"{self.url}/readyz", timeout=5).status_code == 200 and not self.loading():
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        raise TimeoutError(f"the server was not ready within {START_SECONDS} s\n{self.tail()}")

    def loading(self) -> bool:
        engines = self.call("GET", "/cairn/v1/status").json()["engines"]
        return any(engine["state"] == "loading" for engine in engines)

    def call(self, method: str, path: str, expect: int | None = 200, **more) -> httpx.Response:
        """A plain HTTP call with the admin key; `expect` is the status, or None for any."""
        headers = {"authorization": f"Bearer {self.key}", **more.pop("headers", {})}
        more.setdefault("timeout", 120)
        answer = httpx.request(method, self.url + path, headers=headers, **more)
        if expect is not None:
            assert answer.status_code == expect, f"{method} {path}: {answer.status_code} {answer.text[:500]}"
        return answer

    def children(self, role: str) -> list[psutil.Process]:
        """The running children of this server in a role, found in the process tree."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                words = child.cmdline()
            except psutil.Error:
                continue
            if "__child" in words and role in words[words.index("__child") + 1 :]:
                found.append(child)
        return found

    def kill(self) -> None:
        """Ends the server as a power cut would: no signal handler runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)

    def kill_all(self) -> None:
        """As `kill`, and ends the children that outlive it; nothing when no server runs."""
        if self.process is None or self.process.poll() is not None:
            return
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.kill()
        for child in children:
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()

    def stop(self) -> int:
        """Asks the server to drain and end; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise TimeoutError(f"the server did not stop within {STOP_SECONDS} s\n{self.tail()}") from None

    def tail(self, lines: int = 40) -> str:
        """The end of the server's log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="cairn-") as folder:
        documents = pathlib.Path(folder) / "documents"
        documents.mkdir()
        os.environ["CAIRN_SOURCES__FOLDERS"] = str(documents)
        server = Server(pathlib.Path(folder) / "data").start()
        try:
            own = {"CAIRN_URL": server.url, "CAIRN_KEY": server.key, "SOURCES_FOLDER": str(documents)}
            around = {**os.environ, **own}
            status = subprocess.run(sys.argv[1:], env=around, check=False).returncode
        finally:
            stopped = server.stop()
        if status or stopped:
            print(f"command: {status}, server: {stopped}\n{server.tail()}", file=sys.stderr)
        return status or (1 if stopped else 0)


if __name__ == "__main__":
    sys.exit(main())
