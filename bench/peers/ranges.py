"""The ranges of the embedding model's activations, and the channels that exceed all others.

    python bench/peers/ranges.py

Prints the table of `crates/encoder/src/ranges.rs`: for each activation that weights are
multiplied with, the greatest of its channels over passages of the example documents and some
short and foreign texts, with a margin, and the channels that stay floats.
"""

import os
import pathlib
import random
import re

import numpy as np
import onnx
import onnxruntime
from tokenizers import Tokenizer

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = pathlib.Path(os.environ.get("CAIRN_MODELS_DIR", pathlib.Path.home() / ".cache/cairn/models"))
MARGIN = 1.05
MOST_APART = 8
APART_FROM = 4.8
# What GELU gives is never less.
LEAST_OF_GELU = -0.17
SHORT = [
    "Wie hoch ist der Turm?",
    "¿Cuándo se construyó el puente?",
    "Какова высота башни?",
    "東京の人口は?",
    "1234 5678 90.12 $ % & ( ) -- == //",
    "SELECT * FROM t WHERE a = 1;",
    'fn main() { println!("hi"); }',
    "a",
    "the",
    "???",
    "hello world",
    "I love this!",
    "who?",
]


def passages() -> list[str]:
    found = []
    documents = ROOT / "examples" / "documents"
    for file in sorted([*documents.glob("*.md"), *documents.glob("*.html")]):
        text = re.sub(r"<[^>]+>", " ", file.read_text(encoding="utf-8", errors="ignore"))
        paragraphs = [part.strip() for part in re.split(r"\n\s*\n", text) if len(part.strip()) > 60]
        found += random.Random(file.name).sample(paragraphs, min(12, len(paragraphs)))
    return found + [text.split(".")[0] for text in found[:40]] + SHORT


def main() -> None:
    tokenizer = Tokenizer.from_file(str(MODELS / "all-MiniLM-L6-v2.tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(256)
    model = onnx.load(MODELS / "all-MiniLM-L6-v2.int8.onnx")
    maker = {output: node for node in model.graph.node for output in node.output}
    names = []
    for node in model.graph.node:
        weights = maker.get(node.input[1]) if node.op_type == "MatMul" else None
        if weights is not None and weights.op_type == "Mul" and maker[weights.input[0]].op_type == "Cast":
            names += [node.input[0]] if node.input[0] not in names else []
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, 1, None) for name in names)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    largest = {name: 0.0 for name in names}
    for text in passages():
        ids = np.array([tokenizer.encode(text).ids], np.int64)
        feeds = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        for name, values in zip(names, session.run(names, feeds)):
            largest[name] = np.maximum(largest[name], np.abs(values).reshape(-1, values.shape[-1]).max(0))
    for number, (name, channels) in enumerate(largest.items()):
        apart = sorted(int(c) for c in np.argsort(-channels)[:MOST_APART] if channels[c] > APART_FROM)
        high = float(np.delete(channels, apart).max()) * MARGIN
        low = LEAST_OF_GELU if name.startswith("gelu") else -high
        if number % 4 == 0:
            print("    [")
        print(f"        range({low:.3f}, {high:.3f}, &{apart}),")
        if number % 4 == 3:
            print("    ],")


if __name__ == "__main__":
    main()
