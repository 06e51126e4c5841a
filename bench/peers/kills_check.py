"""Compares everything a server tells with what the clients of kills.py noted."""

from __future__ import annotations

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import time

import httpx
from cairn_server import Server, binary
from kills_journal import Attachment, File, Journal

SETTLE_SECONDS = 180
UNREADABLE = {"unsupported_file", "invalid_file"}
# BM25 alone: a unique word is found or it is not there.
WORDS_ONLY = {"hybrid_search": {"embedding_weight": 0.0, "text_weight": 1.0}}


class Checker:
    """Asks as an admin, as a reader who is on every access list, and as one who is on some."""

    def __init__(self, server: Server, shared: str, readers: tuple[str, ...]) -> None:
        self.server, self.shared = server, shared
        self.journals: list[Journal] = []
        self.some = readers[0]
        tenant = server.call("GET", "/cairn/v1/whoami").json()["tenant"]

        def speaking_for(principals: list[str]) -> httpx.Client:
            wanted = {"tenant": tenant, "role": "viewer", "principals": principals}
            return self.caller(server.call("POST", "/cairn/v1/keys", json=wanted).json()["key"])

        self.admin = self.caller(server.key)
        self.everyone = speaking_for(list(readers))
        self.everyones_key = self.everyone.headers["authorization"]
        self.reader = speaking_for([self.some])
        self.failures: list[str] = []
        self.checks = self.files = self.searches = self.happened = self.not_happened = self.leftovers = 0

    def caller(self, key: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {key}"}
        return httpx.Client(base_url=self.server.url, headers=headers, timeout=60, verify=False)

    def summary(self) -> str:
        return (
            f"{self.checks} checks of {self.files} files with {self.searches} searches; of what was unanswered "
            f"{self.happened} had happened and {self.not_happened} had not; {self.leftovers} leftovers of broken uploads removed"
        )

    def check(self) -> list[str]:
        """What is wrong. Afterwards the journals hold what was seen, and all of it is sure."""
        self.failures = []
        self.checks += 1
        if not self.settled():
            return self.failures
        names = self.listing("/v1/files", 10_000)
        stores = self.listing("/v1/vector_stores", 100)
        for journal in self.journals:
            self.settle_uploads(journal, names)
            self.settle_stores(journal, stores)
        self.strangers(names, stores)
        known = [self.shared, *(store for journal in self.journals for store in journal.stores)]
        attached = {store: self.listing(f"/v1/vector_stores/{store}/files", 100) for store in known}
        for journal in self.journals:
            for file in list(journal.files.values()):
                self.settle_file(journal, file, names, attached)
            self.whole_batches(journal)
        for store, rows in attached.items():
            self.count(store, rows)
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for journal in self.journals:
                for _ in pool.map(self.look_at, journal.files.values()):
                    pass
                for _ in pool.map(lambda gone: self.look_for_gone(*gone), self.searchable(journal)):
                    pass
                journal.gone = []
        self.verify()
        return self.failures

    def fail(self, what: str, file: File | None = None) -> None:
        told = f" [{file.name} {file.id}: {'; '.join(file.told)}]" if file else ""
        self.failures.append(what + told)

    def get(self, path: str, **parameters) -> httpx.Response:
        return self.admin.get(path, params=parameters)

    def settled(self) -> bool:
        """Waits until no work is left."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            jobs = self.get("/cairn/v1/status").json()["jobs"]
            if jobs["queued"] + jobs["running"] == 0:
                return True
            time.sleep(0.05)
        self.fail(f"work is left after {SETTLE_SECONDS} s: {jobs}\n{self.server.tail()}")
        return False

    def listing(self, path: str, limit: int) -> dict[str, dict]:
        """A whole list by id; nothing may be in it twice."""
        rows: list[dict] = []
        after: dict[str, str] = {}
        while True:
            answer = self.get(path, limit=limit, **after)
            if answer.status_code != 200:
                self.fail(f"{path}: {answer.status_code} {answer.text[:200]}")
                return {}
            page = answer.json()
            rows += page["data"]
            if not page["has_more"]:
                break
            after = {"after": page["last_id"]}
        ids = [row["id"] for row in rows]
        if twice := {one for one in ids if ids.count(one) > 1}:
            self.fail(f"twice in {path}: {twice}")
        return {row["id"]: row for row in rows}

    def settle_uploads(self, journal: Journal, names: dict[str, dict]) -> None:
        """An unanswered upload is there once or not at all."""
        for name, file in journal.uploads.items():
            found = [row["id"] for row in names.values() if row["filename"] == name]
            self.outcome(bool(found))
            if len(found) > 1:
                self.fail(f"{name} was uploaded once and is there as {found}")
            if found:
                file.id = found[0]
                file.tell("an unanswered upload")
                journal.files[file.id] = file
        journal.uploads = {}

    def settle_stores(self, journal: Journal, stores: dict[str, dict]) -> None:
        for name in journal.new_stores:
            found = [row["id"] for row in stores.values() if row["name"] == name]
            self.outcome(bool(found))
            if len(found) > 1:
                self.fail(f"the store '{name}' was made once and is there as {found}")
            journal.stores.update({store: {True} for store in found})
        journal.new_stores = set()
        for store, there in list(journal.stores.items()):
            if (store in stores) not in there:
                self.fail(f"store {store} is {'there' if store in stores else 'gone'}, and must be {there}")
            if len(there) > 1:
                self.outcome(store not in stores)
            if store in stores:
                journal.stores[store] = {True}
            else:
                journal.store_deleted(store)

    def strangers(self, names: dict[str, dict], stores: dict[str, dict]) -> None:
        """Nothing is there that nobody made, and nothing that was deleted."""
        files = {file for journal in self.journals for file in journal.files}
        gone = {file for journal in self.journals for file in journal.gone_ids}
        for file in names.keys() - files:
            what = "deleted and is listed" if file in gone else "made by nobody"
            self.fail(f"file {file} ({names[file]['filename']}) was {what}")
        known = {self.shared, *(store for journal in self.journals for store in journal.stores)}
        for store in stores.keys() - known:
            self.fail(f"store {store} ({stores[store]['name']}) was deleted, or made by nobody")
        if self.shared not in stores:
            self.fail("the shared store is gone")

    def outcome(self, happened: bool) -> None:
        self.happened += happened
        self.not_happened += not happened

    def settle_file(self, journal: Journal, file: File, names: dict, attached: dict[str, dict]) -> None:
        there = file.id in names
        if there not in file.there:
            self.fail(f"file {file.id} is {'there' if there else 'gone'}, and must be {file.there}", file)
        if len(file.there) > 1:
            self.outcome(not there)
        if not there:
            for store, rows in attached.items():
                if file.id in rows:
                    self.fail(f"file {file.id} is gone and listed in {store}", file)
            journal.deleted(file)
            return
        file.there = {True}
        for store, rows in attached.items():
            self.settle_attachment(journal, file, store, rows.get(file.id))
        answer = self.get(f"/cairn/v1/files/{file.id}/access").json()["access"]
        access = tuple(answer) if answer is not None else None
        if access not in file.access:
            self.fail(f"the access list of {file.id} is {access}, and must be one of {file.access}", file)
        file.access = {access}

    def settle_attachment(self, journal: Journal, file: File, store: str, row: dict | None) -> None:
        held = file.stores.get(store, Attachment({False}, set()))
        if (row is not None) not in held.there:
            where = f"{'in' if row else 'not in'} {store}"
            self.fail(f"{file.id} is {where}, and must be {held.there}", file)
        if len(held.there) > 1:
            self.outcome(row is not None)
        if row is None:
            if held.there != {False}:
                journal.left(file, store)
            return
        turn = row["attributes"].get("turn")
        if turn not in held.turns:
            self.fail(f"{file.id} in {store} has turn {turn}, and must have one of {held.turns}", file)
        file.stores[store] = Attachment({True}, {turn})
        code = (row["last_error"] or {}).get("code")
        if file.readable and row["status"] != "completed":
            self.fail(f"{file.id} in {store} is {row['status']}: {row['last_error']}", file)
        if not file.readable and (row["status"] != "failed" or code not in UNREADABLE):
            self.fail(f"{file.id} in {store} cannot be read and is {row['status']}: {row['last_error']}", file)

    def whole_batches(self, journal: Journal) -> None:
        """Files that were attached together are in the store together, or none is."""
        for store, files in journal.batches:
            # What was deleted since by its unanswered successor says nothing.
            kept = [file for file in files if file.is_there() and store in file.stores]
            if len({file.stores[store].there == {True} for file in kept}) > 1:
                self.fail(f"of a batch in {store} only a part is there: {[file.name for file in kept]}")
        journal.batches = []

    def count(self, store: str, rows: dict[str, dict]) -> None:
        """A store's counts are those of its listing, and all of it is somebody's."""
        counts = self.get(f"/v1/vector_stores/{store}").json()["file_counts"]
        listed = {status: 0 for status in ("in_progress", "completed", "failed", "cancelled")}
        for row in rows.values():
            listed[row["status"]] += 1
        if counts != {**listed, "total": len(rows)}:
            self.fail(f"{store} counts {counts} and lists {listed}")
        files = {file for journal in self.journals for file in journal.files}
        if unknown := rows.keys() - files:
            self.fail(f"in {store}, and nobody's: {unknown}")

    def holding(self, caller: httpx.Client, store: str, token: str, turn: int | None = None) -> list[str]:
        """The files of the passages in which a token stands; with a turn, of those that have it."""
        self.searches += 1
        body: dict = {"query": token, "max_num_results": 10, "ranking_options": WORDS_ONLY}
        if turn is not None:
            body["filters"] = {"type": "eq", "key": "turn", "value": turn}
        answer = caller.post(f"/v1/vector_stores/{store}/search", json=body)
        if answer.status_code != 200:
            self.fail(f"a search of {store}: {answer.status_code} {answer.text[:200]}")
            return []
        return [hit["file_id"] for hit in answer.json()["data"] if token in hit["content"][0]["text"]]

    def look_at(self, file: File) -> None:
        """Its bytes, and its token in every store that it is in: once, for those who may read it."""
        self.files += 1
        content = self.get(f"/v1/files/{file.id}/content").content
        if hashlib.sha256(content).hexdigest() != file.sha256:
            self.fail(f"{file.id} has other bytes: {content[:100]!r}", file)
        (access,) = file.access
        for store in file.attached():
            (turn,) = file.stores[store].turns
            once = [file.id] if file.readable else []
            found = self.holding(self.everyone, store, file.token, turn)
            if found != once:
                plain = self.holding(self.everyone, store, file.token)
                what = f"with its turn {turn} as {found}, without a filter as {plain}"
                self.fail(f"{file.token} in {store} is found {what}, and must be {once}", file)
            readable = once if access is None or self.some in access else []
            found = self.holding(self.reader, store, file.token)
            if found != readable:
                self.fail(f"{self.some} finds {file.token} in {store} as {found}, and must as {readable}", file)

    def searchable(self, journal: Journal) -> list[tuple[str, str]]:
        """What went since the last check, from stores that are still there."""
        places = {self.shared, *journal.stores}
        back = {(file.token, store) for file in journal.files.values() for store in file.attached()}
        return sorted({gone for gone in journal.gone if gone[1] in places} - back)

    def look_for_gone(self, token: str, store: str) -> None:
        if found := self.holding(self.everyone, store, token):
            self.fail(f"{token} went from {store} and is found as {found}")

    def verify(self, when: str = "") -> None:
        """`cairn verify` finds nothing but bytes of uploads that were broken off a quarter of an hour ago."""
        found = self.verified()
        if orphans := found.get("orphaned_blobs"):
            kept = {file for journal in self.journals for file in journal.files}
            if owned := [path for path in orphans if path.rsplit("/", 1)[-1] in kept]:
                self.fail(f"verify takes the bytes of files for leftovers: {owned}")
                return
            self.leftovers += len(orphans)
            self.verified("--repair")
            found = self.verified()
        if not found.get("clean"):
            self.fail(f"verify{when}: {json.dumps(found)}")

    def verified(self, *more: str) -> dict:
        around = {**os.environ, "CAIRN_URL": self.server.url, "CAIRN_KEY": self.server.key}
        command = [str(binary()), "verify", "--json", *more]
        done = subprocess.run(command, env=around, capture_output=True, text=True, timeout=120, check=False)
        try:
            return json.loads(done.stdout)
        except ValueError:
            self.fail(f"cairn verify ended with {done.returncode}: {done.stdout[-300:]} {done.stderr[-300:]}")
            return {"clean": True}

    def purge(self) -> list[str]:
        """After a purge no byte of a deleted document is on the disk."""
        self.failures = []
        self.server.call("POST", "/cairn/v1/purge", json={}, timeout=600)
        gone = {token for journal in self.journals for token in journal.gone_tokens}
        for path in self.server.data.rglob("*"):
            try:
                content = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:
                continue
            tokens = {token.decode() for token in re.findall(rb"kq\d{7}z", content)}
            if left := tokens & gone:
                self.fail(f"{path.relative_to(self.server.data)} holds what was deleted: {sorted(left)[:5]}")
        self.verify(" after the purge")
        return self.failures
