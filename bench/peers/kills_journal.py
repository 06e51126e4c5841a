"""What the clients of kills.py were answered, and so what must be true after a kill.

A call that was answered with success happened. One that was sent and not answered may have happened or not: each fact
here is the set of what may be true. A fact with one value is sure.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import random
import zipfile

Access = tuple[str, ...] | None

WORDS = (
    "ridge cairn pass glacier storm lantern rope ledger harbour signal winter supply camp river summit track bearing "
    "fog valley stone bridge message keeper station"
).split()


@dataclasses.dataclass
class Attachment:
    """A file in a store."""

    there: set[bool]
    turns: set[int]


@dataclasses.dataclass
class File:
    """An uploaded file; `token` stands once in it and in no other."""

    token: str
    name: str
    body: bytes
    readable: bool
    id: str = ""
    there: set[bool] = dataclasses.field(default_factory=lambda: {True})
    access: set[Access] = dataclasses.field(default_factory=lambda: {None})
    stores: dict[str, Attachment] = dataclasses.field(default_factory=dict)
    told: list[str] = dataclasses.field(default_factory=list)

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    def is_there(self) -> bool:
        return self.there == {True}

    def is_sure(self) -> bool:
        held = [self.there, self.access]
        for attachment in self.stores.values():
            held += [attachment.there, attachment.turns]
        return all(len(values) == 1 for values in held)

    def attached(self) -> list[str]:
        """The stores it is surely in."""
        return [store for store, held in self.stores.items() if held.there == {True}]

    def tell(self, what: str) -> None:
        self.told = [*self.told[-15:], what]


@dataclasses.dataclass
class Journal:
    """What one client did."""

    files: dict[str, File] = dataclasses.field(default_factory=dict)
    stores: dict[str, set[bool]] = dataclasses.field(default_factory=dict)
    # Sent and not answered: files by their name, names of stores, files attached together.
    uploads: dict[str, File] = dataclasses.field(default_factory=dict)
    new_stores: set[str] = dataclasses.field(default_factory=set)
    batches: list[tuple[str, list[File]]] = dataclasses.field(default_factory=list)
    # What is gone since the last check, as token and store, and for ever.
    gone: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    gone_ids: set[str] = dataclasses.field(default_factory=set)
    gone_tokens: set[str] = dataclasses.field(default_factory=set)

    def sure_files(self) -> list[File]:
        return [file for file in self.files.values() if file.is_sure() and file.is_there()]

    def sure_stores(self) -> list[str]:
        return [store for store, there in self.stores.items() if there == {True}]

    def left(self, file: File, store: str) -> None:
        """The file is not in the store any more."""
        file.stores[store].there = {False}
        self.gone.append((file.token, store))

    def deleted(self, file: File) -> None:
        """The file is gone."""
        file.there = {False}
        self.gone += [(file.token, store) for store in file.stores]
        self.gone_ids.add(file.id)
        self.gone_tokens.add(file.token)
        del self.files[file.id]

    def store_in_doubt(self, store: str) -> None:
        """The store may be gone, and with it what is attached to it."""
        self.stores[store] = {True, False}
        for file in self.files.values():
            if held := file.stores.get(store):
                held.there = held.there | {False}

    def store_deleted(self, store: str) -> None:
        """The store is gone with all that was attached to it."""
        del self.stores[store]
        for file in self.files.values():
            file.stores.pop(store, None)


def half_docx() -> bytes:
    """The first half of a DOCX, as a broken upload leaves it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as whole:
        for name in ("[Content_Types].xml", "_rels/.rels", "word/document.xml", "word/styles.xml"):
            whole.writestr(name, "<xml/>" * 100)
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


HALF_DOCX = half_docx()


def document(draw: random.Random, token: str) -> File:
    """A small document of one of several kinds; every tenth cannot be read."""
    if draw.random() < 0.1:
        body = draw.choice([b"\x7fELF" + draw.randbytes(600), HALF_DOCX]) + token.encode()
        return File(token, f"{token}.docx" if body.startswith(b"PK") else f"{token}.bin", body, readable=False)
    # Some take the embedding model a while, so that a kill meets them half way.
    sentences = draw.choice([2, 3, 5, 5, 8, 120])
    text = " ".join(
        " ".join(draw.choice(WORDS) for _ in range(9)).capitalize() + "." for _ in range(sentences)
    )
    title = f"Expedition {token}"
    kind = draw.choice(["md", "txt", "html"])
    if kind == "md":
        body = f"# {title}\n\n{text}\n"
    elif kind == "txt":
        body = f"{title}\n\n{text}\n"
    else:
        body = f"<html><body><h1>{title}</h1><p>{text}</p></body></html>"
    return File(token, f"{token}.{kind}", body.encode(), readable=True)
