"""A server killed at random moments under load, over and over: nothing acknowledged is lost, nothing is there twice.

    python kills.py [KILLS] [--seed SEED] [--keep FOLDER]

Clients upload, attach (singly and in batches), detach, change attributes and access lists, delete files and stores,
re-index, purge and verify, all at once, and note what was answered. The server's process is killed with SIGKILL a moment after
it is ready, or while it starts. Every twenty kills, and at the end, everything it tells is compared with the notes:
bytes, listings, counts, attributes and access lists, each file's unique token in the search, and `cairn verify`. After
the last one everything is purged, and no byte of a deleted document may be left in the data folder.

The seed decides what the clients do and when a kill comes; how the machine divides its time decides the rest. Ends
with 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import itertools
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time

import httpx

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "clients"))
from cairn_server import Server  # noqa: E402
from kills_check import Checker  # noqa: E402
from kills_journal import Attachment, File, Journal, document  # noqa: E402

CLIENTS = 4
# Files a client keeps, more or less.
FILES = 10
# Kills between two checks.
EVERY = 20
# A kill comes so many seconds after the server is ready, or after it was started.
RUNNING = (0.05, 1.5)
STARTING = (0.0, 0.25)
STARTING_SHARE = 0.15
READY_SECONDS = 60
SHARED = "everybody's"
REINDEX = "/cairn/v1/vector_stores/{id}/reindex"
READERS = ("user:ada", "user:bo")


class Gate:
    """Lets clients in while the server may be asked, and says when none is inside."""

    def __init__(self) -> None:
        self.turn = threading.Condition()
        self.is_open = self.is_ready = self.is_over = False
        self.inside = self.times = 0

    @contextlib.contextmanager
    def passing(self):
        with self.turn:
            self.turn.wait_for(lambda: self.is_open or self.is_over)
            self.inside += 1
        try:
            yield not self.is_over
        finally:
            with self.turn:
                self.inside -= 1
                self.turn.notify_all()

    def open(self, ready: bool) -> None:
        with self.turn:
            self.is_open, self.is_ready = True, ready
            self.times += ready
            self.turn.notify_all()

    def close(self) -> None:
        """Returns once no client waits for an answer any more."""
        with self.turn:
            self.is_open = self.is_ready = False
            if not self.turn.wait_for(lambda: self.inside == 0, timeout=60):
                raise TimeoutError("a client got neither an answer nor an end of its connection for a minute")

    def end(self) -> None:
        with self.turn:
            self.is_over = True
            self.turn.notify_all()


class Client(threading.Thread):
    """One client with files and stores of its own, and one store that it shares with the others."""

    def __init__(self, number: int, server: Server, gate: Gate, seed: int, shared: str, reader: str) -> None:
        super().__init__(name=f"client {number}", daemon=True)
        self.number, self.gate, self.shared = number, gate, shared
        self.draw = random.Random(f"{seed}/{number}")
        self.tokens = (f"kq{number}{serial:06d}z" for serial in itertools.count())
        self.serial = itertools.count(1)
        self.journal = Journal()
        self.reader = {"authorization": reader}
        self.reindexes = REINDEX in server.call("GET", "/openapi.json").json()["paths"]
        self.seen, self.touched = 0, collections.deque[tuple[File, str]](maxlen=3)
        self.acknowledged = self.unanswered = self.refused = 0
        self.failures: list[str] = []
        self.http = httpx.Client(
            base_url=server.url, headers={"authorization": f"Bearer {server.key}"}, timeout=30, verify=False
        )

    def run(self) -> None:
        while True:
            with self.gate.passing() as admitted:
                if not admitted:
                    return
                try:
                    if self.gate.is_ready and self.seen != self.gate.times:
                        self.seen = self.gate.times
                        self.look_back()
                    self.step()
                except Exception as error:  # noqa: BLE001
                    self.failures.append(f"{self.name}: {type(error).__name__}: {error}")

    def call(self, method: str, path: str, doubt, may_refuse: tuple[int, ...] = (), **more):
        """The answer to a call; none when it did not come, and then `doubt` notes that it may have happened."""
        try:
            answer = self.http.request(method, path, **more)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            time.sleep(0.01)
            return None
        except httpx.TransportError:
            self.unanswered += 1
            doubt()
            return None
        if answer.status_code >= 500:
            # A server that is not ready may say so; what it was asked may have happened.
            self.refused += 1
            doubt()
            if self.gate.is_ready:
                self.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            return None
        if answer.status_code >= 400:
            if answer.status_code not in may_refuse:
                self.failures.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
            return None
        self.acknowledged += 1
        return answer.json()

    def step(self) -> None:
        held = len(self.journal.files)
        more = max(1, 3 * (FILES - held))
        less = max(1, 3 * (held - FILES))
        acts = {
            self.upload: more, self.attach: 8, self.attach_batch: 4, self.set_attributes: 5, self.set_access: 4,
            self.detach: 3, self.delete: less + 2, self.make_store: 1, self.delete_store: 1, self.look: 4, self.tidy: 0.3,
            self.reindex: 0.4 if self.reindexes else 0,
        }
        self.draw.choices(list(acts), list(acts.values()))[0]()

    def upload(self) -> None:
        file = document(self.draw, next(self.tokens))
        answer = self.call(
            "POST", "/v1/files", lambda: self.journal.uploads.update({file.name: file}),
            files={"file": (file.name, file.body)}, data={"purpose": "assistants"},
        )
        if answer:
            file.id = answer["id"]
            self.journal.files[file.id] = file
            file.tell("uploaded")

    def free_place(self, file: File) -> str | None:
        """A store that the file is not in."""
        places = [self.shared, *self.journal.sure_stores()]
        free = [store for store in places if store not in file.attached()]
        return self.draw.choice(free) if free else None

    def attach(self) -> None:
        files = self.journal.sure_files()
        file = self.draw.choice(files) if files else None
        store = self.free_place(file) if file else None
        if not store:
            return
        turn = next(self.serial)
        attributes: dict[str, object] = {"turn": turn, "client": self.number}
        access = {(self.draw.choice(READERS),)} if self.draw.random() < 0.2 else file.access
        if access is not file.access:
            attributes["cairn.access"] = next(iter(access))[0]

        def doubt() -> None:
            file.stores[store] = Attachment({True, False}, {turn})
            file.access = file.access | access
            file.tell(f"attach to {store} with turn {turn}: unanswered")

        body = {"file_id": file.id, "attributes": attributes}
        if self.call("POST", f"/v1/vector_stores/{store}/files", doubt, json=body):
            file.stores[store] = Attachment({True}, {turn})
            file.access = access
            file.tell(f"attached to {store} with turn {turn}, {access}")

    def attach_batch(self) -> None:
        store = self.draw.choice([self.shared, *self.journal.sure_stores()])
        free = [file for file in self.journal.sure_files() if store not in file.attached()]
        files = self.draw.sample(free, min(len(free), self.draw.randint(2, 6)))
        if not files:
            return
        turn = next(self.serial)

        def note(there: set[bool], what: str) -> None:
            for file in files:
                file.stores[store] = Attachment(set(there), {turn})
                file.tell(f"{what} to {store} with turn {turn}")

        def doubt() -> None:
            note({True, False}, "unanswered batch")
            self.journal.batches.append((store, files))

        wanted = [{"file_id": file.id, "attributes": {"turn": turn, "client": self.number}} for file in files]
        if self.call("POST", f"/v1/vector_stores/{store}/file_batches", doubt, json={"files": wanted}):
            note({True}, "batch")

    def some_attachment(self) -> tuple[File, str] | None:
        pairs = [(file, store) for file in self.journal.sure_files() for store in file.attached()]
        return self.draw.choice(pairs) if pairs else None

    def set_attributes(self) -> None:
        if not (found := self.some_attachment()):
            return
        (file, store), turn = found, next(self.serial)
        held = file.stores[store]

        def doubt() -> None:
            held.turns = held.turns | {turn}
            file.tell(f"turn {turn} in {store}: unanswered")

        body = {"attributes": {"turn": turn, "client": self.number}}
        if self.call("POST", f"/v1/vector_stores/{store}/files/{file.id}", doubt, json=body):
            held.turns = {turn}
            self.touched.append((file, store))
            file.tell(f"turn {turn} in {store}")

    def set_access(self) -> None:
        if not (files := self.journal.sure_files()):
            return
        file = self.draw.choice(files)
        access = self.draw.choice([None, None, (READERS[0],), (READERS[1],)])

        def doubt() -> None:
            file.access = file.access | {access}
            file.tell(f"access {access}: unanswered")

        body = {"access": list(access) if access else None}
        if self.call("PUT", f"/cairn/v1/files/{file.id}/access", doubt, json=body):
            file.access = {access}
            self.touched.extend((file, store) for store in file.attached())
            file.tell(f"access {access}")

    def detach(self) -> None:
        if not (found := self.some_attachment()):
            return
        file, store = found

        def doubt() -> None:
            file.stores[store].there = {True, False}
            file.tell(f"detach from {store}: unanswered")

        if self.call("DELETE", f"/v1/vector_stores/{store}/files/{file.id}", doubt):
            self.journal.left(file, store)
            file.tell(f"detached from {store}")

    def delete(self) -> None:
        files = self.journal.sure_files()
        if len(files) < FILES // 2:
            return
        file = self.draw.choice(files)

        def doubt() -> None:
            file.there = {True, False}
            file.tell("delete: unanswered")

        if self.call("DELETE", f"/v1/files/{file.id}", doubt):
            self.journal.deleted(file)

    def make_store(self) -> None:
        if len(self.journal.stores) >= 2:
            return
        name = f"client {self.number}, {next(self.serial)}"
        made = self.call("POST", "/v1/vector_stores", lambda: self.journal.new_stores.add(name), json={"name": name})
        if made:
            self.journal.stores[made["id"]] = {True}

    def delete_store(self) -> None:
        if not (stores := self.journal.sure_stores()):
            return
        store = self.draw.choice(stores)
        if self.call("DELETE", f"/v1/vector_stores/{store}", lambda: self.journal.store_in_doubt(store)):
            self.journal.store_deleted(store)

    def look_back(self) -> None:
        """What was changed right before the kill is found as it was changed."""
        for file, store in self.touched:
            if not (file.readable and file.is_sure() and file.is_there() and store in file.attached()):
                continue
            (turn,) = file.stores[store].turns
            with contextlib.suppress(httpx.TransportError):
                state = self.http.get(f"/v1/vector_stores/{store}/files/{file.id}").json()
                if state.get("status") != "completed":
                    continue
                body = {"query": file.token, "filters": {"type": "eq", "key": "turn", "value": turn}}
                answer = self.http.post(f"/v1/vector_stores/{store}/search", json=body, headers=self.reader)
                hits = answer.json()["data"] if answer.status_code == 200 else [{"file_id": answer.text, "content": []}]
                found = [hit["file_id"] for hit in hits if any(file.token in part["text"] for part in hit["content"])]
                if found != [file.id]:
                    told = "; ".join(file.told)
                    self.failures.append(f"{file.token} in {store} with turn {turn} is found as {found} after a kill: {told}")
        self.touched.clear()

    def look(self) -> None:
        """What was deleted is not found, and what is kept has its bytes, at any moment."""
        if self.journal.gone and self.draw.random() < 0.6:
            token, store = self.draw.choice(self.journal.gone[-40:])
            if store != self.shared or any(token in file.token for file in self.journal.files.values()):
                return
            body = {"query": token, "max_num_results": 10}
            found = self.call("POST", f"/v1/vector_stores/{store}/search", lambda: None, json=body)
            texts = [hit["content"][0]["text"] for hit in (found or {"data": []})["data"]]
            if any(token in text for text in texts):
                self.failures.append(f"{token} was deleted and is found in {store}")
        elif files := self.journal.sure_files():
            file = self.draw.choice(files)
            with contextlib.suppress(httpx.TransportError):
                answer = self.http.get(f"/v1/files/{file.id}/content")
                if answer.content != file.body and (answer.status_code < 500 or self.gate.is_ready):
                    self.failures.append(f"{file.id} has other bytes: {answer.status_code} {answer.content[:100]!r}")

    def reindex(self) -> None:
        """A store that is cut anew tells the same."""
        store = self.draw.choice([self.shared, *self.journal.sure_stores()])
        fixed = {"type": "static", "max_tokens": self.draw.randint(150, 800), "overlap_tokens": 0}
        body = self.draw.choice([{}, {"chunking": fixed}])
        # One that is under way is not overtaken.
        self.call("POST", REINDEX.replace("{id}", store), lambda: None, may_refuse=(409,), json=body)

    def tidy(self) -> None:
        """Upkeep changes nothing of what is told."""
        path, body = self.draw.choice([("/cairn/v1/purge", {}), ("/cairn/v1/verify", {"repair": True})])
        self.call("POST", path, lambda: None, json=body)


class Loop:
    """Starts and kills."""

    def __init__(self, server: Server, seed: int) -> None:
        self.server, self.seed = server, seed
        self.draw = random.Random(f"{seed}/kills")
        self.gate = Gate()
        self.starts: list[float] = []
        self.probe = httpx.Client(base_url=server.url, timeout=5, verify=False)

    def start(self) -> None:
        """Starts the server, and waits until it is ready."""
        begun = time.monotonic()
        self.server.launch()
        while time.monotonic() < begun + READY_SECONDS:
            if self.server.process.poll() is not None:
                raise RuntimeError(f"the server ended with {self.server.process.returncode}\n{self.server.tail()}")
            with contextlib.suppress(httpx.TransportError):
                if self.probe.get("/readyz").status_code == 200:
                    self.starts.append(time.monotonic() - begun)
                    return
            time.sleep(0.01)
        raise TimeoutError(f"the server was not ready within {READY_SECONDS} s\n{self.server.tail()}")

    def kill_once(self) -> None:
        running = self.server.process is not None and self.server.process.poll() is None
        if not running and self.draw.random() < STARTING_SHARE:
            self.server.launch()
            if self.draw.random() < 0.5:
                self.gate.open(ready=False)
            time.sleep(self.draw.uniform(*STARTING))
        else:
            if not running:
                self.start()
            self.gate.open(ready=True)
            time.sleep(self.draw.uniform(*RUNNING))
        # A request that is refused from here on was refused by nobody.
        self.gate.is_ready = False
        self.server.kill_all()
        self.gate.close()


def run(options: argparse.Namespace, server: Server) -> int:
    begun = time.monotonic()
    loop = Loop(server, options.seed)
    loop.start()
    shared = server.call("POST", "/v1/vector_stores", json={"name": SHARED}).json()["id"]
    checker = Checker(server, shared, READERS)
    reader = checker.everyones_key
    clients = [Client(number, server, loop.gate, options.seed, shared, reader) for number in range(CLIENTS)]
    checker.journals = [client.journal for client in clients]
    for client in clients:
        client.start()
    failures: list[str] = []
    checking = 0.0
    for number in range(1, options.kills + 1):
        loop.kill_once()
        last = number == options.kills
        if last or number % EVERY == 0:
            since = time.monotonic()
            loop.start()
            found = checker.check() + ([] if not last else checker.purge())
            checking += time.monotonic() - since
            for client in clients:
                found += client.failures
                client.failures = []
            failures += [f"after {number} kills: {failure}" for failure in found]
            for failure in found:
                print(f"after {number} kills: {failure}", file=sys.stderr, flush=True)
            if len(failures) >= options.failures:
                break
    loop.gate.end()
    stopped, panics = server.stop(), server.log.read_text(errors="replace").count("panicked at")
    if stopped or panics:
        failures.append(f"the server ended with {stopped}; {panics} panics are in its log")
    seconds = time.monotonic() - begun
    acknowledged, unanswered, refused = (
        sum(getattr(client, what) for client in clients) for what in ("acknowledged", "unanswered", "refused")
    )
    print(
        f"{number} kills in {seconds:.0f} s ({seconds / number:.2f} s each, {checking:.0f} s of it checks): "
        f"{acknowledged} operations acknowledged, {unanswered} unanswered, {refused} refused before the server was ready; "
        f"{checker.summary()}; start to ready p50 {statistics.median(loop.starts):.2f} s, longest {max(loop.starts):.2f} s; "
        f"{len(failures) or 'no'} failures"
    )
    if failures:
        print(f"again: python {pathlib.Path(__file__).name} {options.kills} --seed {options.seed}")
    return 1 if failures else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kills", type=int, nargs="?", default=1000)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--failures", type=int, default=20, help="give up after so many (20)")
    parser.add_argument("--keep", type=pathlib.Path, help="where data and log are left when something is wrong")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="cairn-kills-") as folder:
        server = Server(pathlib.Path(folder) / "data")
        try:
            status = run(options, server)
        except BaseException:
            status = 1
            raise
        finally:
            server.kill_all()
            if status and options.keep:
                shutil.copytree(folder, options.keep, dirs_exist_ok=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
