"""A small ONNX file, written byte by byte so that no package for it is needed."""

from __future__ import annotations

import struct


def field(number: int, value: int | str | bytes) -> bytes:
    """One protobuf field: a number, or text and bytes with their length."""
    def varint(n: int) -> bytes:
        return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def scaled(factor: float) -> bytes:
    """An ONNX model that multiplies its input of shape [N, 2] by `factor`."""
    rows = field(1, field(2, "N")) + field(1, field(1, 2))
    shape = field(1, field(1, 1) + field(2, rows))
    node = field(1, "x") + field(1, "factor") + field(2, "y") + field(4, "Mul")
    weight = field(1, 1) + field(2, 1) + field(8, "factor") + field(9, struct.pack("<f", factor))
    values = field(11, field(1, "x") + field(2, shape)) + field(12, field(1, "y") + field(2, shape))
    graph = field(1, node) + field(2, "scaled") + field(5, weight) + values
    return field(1, 8) + field(7, graph) + field(8, field(2, 17))
