"""The embedding model, written anew as a GGUF file: an encoder of known answers.

The weights come out of the ONNX file that `cairn models pull` fetches, the words out of its tokenizer. Nothing but
numpy is needed: both formats are simple enough.
"""

from __future__ import annotations

import json
import pathlib
import re
import struct

import numpy as np

LAYERS, WIDTH, HEADS, INNER, WINDOW = 6, 384, 12, 1536, 512
F32, F16 = 0, 1
MEAN, RANK = 1, 4
# The bias that is added to a product names the weight.
PARTS = {
    "attention.self.query": "attn_q", "attention.self.key": "attn_k", "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output", "intermediate.dense": "ffn_up", "output.dense": "ffn_down",
    "attention.output.LayerNorm": "attn_output_norm", "output.LayerNorm": "layer_output_norm",
}


def fields(data: memoryview):
    """The fields of a protobuf message: number and value."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at, value, shift = at + 1, value | (byte & 127) << shift, shift + 7
            if byte < 128:
                return value

    while at < len(data):
        key = varint()
        if key & 7 == 0:
            yield key >> 3, varint()
            continue
        size = varint() if key & 7 == 2 else {5: 4, 1: 8}[key & 7]
        yield key >> 3, data[at : at + size]
        at += size


def text(value: memoryview) -> str:
    return bytes(value).decode()


def weights(onnx: pathlib.Path) -> dict[str, np.ndarray]:
    """The model's arrays as floats, under the names of a GGUF file."""
    graph = next(value for number, value in fields(memoryview(onnx.read_bytes())) if number == 7)
    held, nodes = {}, []
    for number, value in fields(graph):
        parts = list(fields(value)) if number in (1, 5) else []
        if number == 5:
            shape = [part for n, part in parts if n == 1]
            kind = next(part for n, part in parts if n == 2)
            raw = next((part for n, part in parts if n == 9), memoryview(b""))
            array = np.frombuffer(raw, {1: "<f4", 3: "<i1"}.get(kind, "<u1"))
            name = text(next(part for n, part in parts if n == 8))
            held[name] = array.reshape(shape) if kind in (1, 3) and array.size else array
        elif number == 1:
            nodes.append(([text(part) for n, part in parts if n == 1], [text(part) for n, part in parts if n == 2]))
    # What a product reads is a weight or made of one: `_q` times `_scale`.
    whole = {name[:-2]: held[name].astype(np.float32) * held[f"{name[:-2]}_scale"] for name in held if name.endswith("_q")}
    made = {output: inputs for inputs, outputs in nodes for output in outputs}

    arrays = {
        "token_embd.weight": whole["inner.embeddings.word_embeddings.weight"],
        "position_embd.weight": whole["inner.embeddings.position_embeddings.weight"],
        "token_types.weight": held["inner.embeddings.token_type_embeddings.weight"],
        "token_embd_norm.weight": held["inner.embeddings.LayerNorm.weight"],
        "token_embd_norm.bias": held["inner.embeddings.LayerNorm.bias"],
    }
    for name, array in held.items():
        if found := re.fullmatch(r"inner\.encoder\.layer\.(\d)\.(.+)\.(weight|bias)", name):
            layer, part, kind = found.groups()
            arrays[f"blk.{layer}.{PARTS[part]}.{kind}"] = array
    for inputs, _ in nodes:
        bias = next((one for one in inputs if re.fullmatch(r"inner\.encoder\.layer\.\d\..+(?<!Norm)\.bias", one)), None)
        if bias is None:
            continue
        product = next(one for one in inputs if one != bias)
        weight = next(one for one in made[product] if one in whole)
        layer, part = re.fullmatch(r"inner\.encoder\.layer\.(\d)\.(.+)\.bias", bias).groups()
        arrays[f"blk.{layer}.{PARTS[part]}.weight"] = whole[weight].T
    return arrays


def words(tokenizer: pathlib.Path) -> list[str]:
    """The vocabulary as llama.cpp has it: what begins a word is marked, not what goes on."""
    vocabulary = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    listed = sorted(vocabulary, key=vocabulary.get)

    def marked(word: str) -> str:
        if re.fullmatch(r"\[.+\]", word):
            return word
        return word[2:] if word.startswith("##") else f"\u2581{word}"

    return [marked(word) for word in listed]


def value(of: object) -> bytes:
    """A metadata value with its type."""
    if isinstance(of, bool):
        return struct.pack("<IB", 7, of)
    if isinstance(of, int):
        return struct.pack("<II", 4, of)
    if isinstance(of, float):
        return struct.pack("<If", 6, of)
    if isinstance(of, str):
        return struct.pack("<I", 8) + string(of)
    if isinstance(of[0], str):
        return struct.pack("<IIQ", 9, 8, len(of)) + b"".join(map(string, of))
    return struct.pack("<IIQ", 9, 5, len(of)) + struct.pack(f"<{len(of)}i", *of)


def string(of: str) -> bytes:
    raw = of.encode()
    return struct.pack("<Q", len(raw)) + raw


def encoder(models: pathlib.Path, head: np.ndarray | None = None) -> bytes:
    """The whole file. With `head` it is a cross-encoder: the score is the first token's vector times the head."""
    arrays = weights(models / "all-MiniLM-L6-v2.int8.onnx")
    listed = words(models / "all-MiniLM-L6-v2.tokenizer.json")
    if head is not None:
        arrays["cls.output.weight"] = head.reshape(1, WIDTH)
    metadata = {
        "general.architecture": "bert", "general.name": "MiniLM for tests", "bert.context_length": WINDOW,
        "bert.embedding_length": WIDTH, "bert.block_count": LAYERS, "bert.feed_forward_length": INNER,
        "bert.attention.head_count": HEADS, "bert.attention.layer_norm_epsilon": 1e-12, "bert.attention.causal": False,
        "bert.pooling_type": MEAN if head is None else RANK, "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.tokens": listed, "tokenizer.ggml.token_type": [3 if word.startswith("[") else 1 for word in listed],
        "tokenizer.ggml.token_type_count": 2, "tokenizer.ggml.bos_token_id": listed.index("[CLS]"),
        "tokenizer.ggml.seperator_token_id": listed.index("[SEP]"), "tokenizer.ggml.padding_token_id": listed.index("[PAD]"),
        "tokenizer.ggml.unknown_token_id": listed.index("[UNK]"), "tokenizer.ggml.mask_token_id": listed.index("[MASK]"),
    }
    infos, data = b"", b""
    for name, array in arrays.items():
        kind = F16 if array.ndim == 2 and name.startswith(("blk.", "token_embd")) else F32
        raw = np.ascontiguousarray(array, "<f2" if kind == F16 else "<f4").tobytes()
        infos += string(name) + struct.pack("<I", array.ndim) + struct.pack(f"<{array.ndim}Q", *reversed(array.shape))
        infos += struct.pack("<IQ", kind, len(data))
        data += raw + b"\0" * (-len(raw) % 32)
    start = b"GGUF" + struct.pack("<IQQ", 3, len(arrays), len(metadata))
    start += b"".join(string(key) + value(of) for key, of in metadata.items()) + infos
    return start + b"\0" * (-len(start) % 32) + data
