#!/usr/bin/env python3
"""Trains the classifier of crates/guard/src/injection.rs and tells how good it is.

    scripts/train-injection.py DATA [--benign PATH ...] [--out crates/guard/src/injection.weights]

DATA is a folder with train.csv and validation.csv (columns text, label; 1 is an injection): what people write to
models. Documents read differently, so sentences of Python's own manual and docstrings are learned as harmless beside
them. validation.csv and the benign texts are only looked at. It needs nothing but Python, and gives the same bytes
each time with the same Python (3.11 made the committed ones).

A logistic regression over hashed features: words, pairs of neighbouring words, three and four letters in a row within
a word. Each feature counts once, and all of them together have length 1. The file: scale and bias as little-endian
float32, then a signed byte for each of 2^15 weights.
"""

from __future__ import annotations

import argparse
import ast
import csv
import math
import pathlib
import pydoc_data.topics
import random
import re
import struct

BITS = 15
MASK = (1 << BITS) - 1
WORDS_MIN, WORDS_MAX = 4, 120
EPOCHS = 12
PROSE = 12_000
PACKAGES = ("", "email", "http", "logging")
RATE = 0.5
DECAY = 1e-6
SUSPICIOUS, REMOVED = 0.8, 0.95
HIDDEN = (
    {0xAD, 0x200B, 0xFEFF}
    | set(range(0x2060, 0x2065))
    | set(range(0x202A, 0x202F))
    | set(range(0x2066, 0x206A))
    | set(range(0xE0000, 0xE0080))
)


def fnv(text: str) -> int:
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value ^ (value >> 15)


def features(sentence: str) -> list[int]:
    """The hashes, each once; the weight's number is the hash's low bits. None for a few words, which say nothing."""
    seen = "".join(c for c in sentence if ord(c) not in HIDDEN).lower()
    words = "".join(c if c.isalnum() else " " for c in seen).split()[:WORDS_MAX]
    if len(words) < WORDS_MIN:
        return []
    found = {fnv("w" + word) for word in words}
    found |= {fnv(f"b{one} {other}") for one, other in zip(words, words[1:])}
    for word in words:
        padded = f" {word} "
        for length in (3, 4):
            found |= {fnv("c" + padded[at : at + length]) for at in range(len(padded) - length + 1)}
    return sorted(found)


def read(path: pathlib.Path) -> list[tuple[list[int], int]]:
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], int(row["label"])) for row in csv.DictReader(file)]
    return [(features(text), label) for text, label in rows]


def split(text: str) -> list[str]:
    parts = re.split(r"(?<=[.!?])\s+|\n\s*\n", text)
    return [part.strip() for part in parts if len(part.strip()) >= 20]


def prose() -> list[tuple[list[int], int]]:
    """Sentences of Python's manual and of its library's docstrings."""
    found = [part for topic in pydoc_data.topics.topics.values() for part in split(topic)]
    library = pathlib.Path(csv.__file__).parent
    for file in (file for package in PACKAGES for file in sorted((library / package).glob("*.py"))):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Module)):
                found += split(ast.get_docstring(node) or "")
    found = sorted(set(found))
    random.Random(1).shuffle(found)
    return [(features(part), 0) for part in found[:PROSE]]


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, value))))


def train(rows: list[tuple[list[int], int]]) -> tuple[list[float], float]:
    """AdaGrad over the shuffled rows."""
    weights, squares = [0.0] * (MASK + 1), [1e-8] * (MASK + 1)
    bias, bias_square = 0.0, 1e-8
    order = random.Random(7)
    rows = list(rows)
    for _ in range(EPOCHS):
        order.shuffle(rows)
        for found, label in rows:
            if not found:
                continue
            size = 1 / math.sqrt(len(found))
            slots = [feature & MASK for feature in found]
            error = sigmoid(bias + size * sum(weights[slot] for slot in slots)) - label
            bias_square += error * error
            bias -= RATE * error / math.sqrt(bias_square)
            for slot in slots:
                gradient = error * size + DECAY * weights[slot]
                squares[slot] += gradient * gradient
                weights[slot] -= RATE * gradient / math.sqrt(squares[slot])
    return weights, bias


class Model:
    """The weights as they are committed."""

    def __init__(self, weights: list[float], bias: float):
        self.scale = max(abs(weight) for weight in weights) / 127
        self.bias = bias
        self.bytes = [max(-127, min(127, round(weight / self.scale))) for weight in weights]

    def score(self, found: list[int]) -> float:
        if not found:
            return 0.0
        total = sum(self.bytes[feature & MASK] for feature in found)
        return sigmoid(self.bias + self.scale * total / math.sqrt(len(found)))

    def file(self) -> bytes:
        return struct.pack("<ff", self.scale, self.bias) + struct.pack(f"{len(self.bytes)}b", *self.bytes)


def report(model: Model, name: str, rows: list[tuple[list[int], int]]) -> None:
    for threshold in (0.5, SUSPICIOUS, REMOVED):
        told = [(model.score(found) >= threshold, label) for found, label in rows]
        hit = sum(said and label for said, label in told)
        said = sum(said for said, _ in told)
        there = sum(label for _, label in told)
        wrong = sum(said and not label for said, label in told)
        print(
            f"{name} at {threshold}: precision {hit / max(said, 1):.3f}, recall {hit / max(there, 1):.3f}, "
            f"false positives {wrong / max(len(told) - there, 1):.4f} of {len(told) - there}"
        )


def sentences(path: pathlib.Path) -> list[str]:
    text = path.read_text(encoding="utf-8", errors="replace")
    if path.suffix in (".html", ".htm"):
        text = re.sub(r"(?is)<(script|style).*?</\1>|<[^>]*>", " ", text)
    return split(text)


def benign(model: Model, paths: list[pathlib.Path]) -> None:
    files = [file for path in paths for file in (sorted(path.rglob("*")) if path.is_dir() else [path])]
    for file in files:
        if not file.is_file() or file.suffix not in (".md", ".txt", ".html", ".htm"):
            continue
        scored = [(model.score(features(part)), part) for part in sentences(file)]
        if scored:
            marked = [part for score, part in scored if score >= SUSPICIOUS]
            removed = sum(score >= REMOVED for score, _ in scored)
            worst = max(scored)
            print(
                f"{file.name}: {len(marked)} marked, {removed} removed of {len(scored)}; "
                f"worst {worst[0]:.2f} {worst[1][:90]!r}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=pathlib.Path)
    parser.add_argument("--benign", type=pathlib.Path, nargs="*", default=[])
    parser.add_argument("--out", type=pathlib.Path)
    asked = parser.parse_args()
    rows = read(asked.data / "train.csv")
    harmless = prose()
    print(f"{len(rows)} rows, {sum(label for _, label in rows)} injections; {len(harmless)} sentences of prose")
    model = Model(*train(rows + harmless))
    report(model, "train", rows)
    report(model, "validation", read(asked.data / "validation.csv"))
    benign(model, asked.benign)
    if asked.out:
        asked.out.write_bytes(model.file())
        print(f"{asked.out}: {len(model.file())} bytes")


if __name__ == "__main__":
    main()
