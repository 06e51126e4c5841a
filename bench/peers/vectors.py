"""Nearest vectors among 100,000 chunks: Cairn, Chroma, LanceDB and txtai on the same vectors in one run.

    python bench/peers/vectors.py [COUNT] [DATA]

Needs the packages of `vectors.txt` beside it, and `cairn-bench`, which makes the vectors and
measures ours. For each the latency of a query for the ten nearest (p50, p99) and the recall
against exact search. Every program runs with its defaults, but for LanceDB, which searches
exactly unless an index is asked for: it gets HNSW with scalar quantisation, its recommended one.
txtai's default is faiss with lists of cells; it searches with vectors here, not texts.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
COUNT = sys.argv[1] if len(sys.argv) > 1 else "100000"
DATA = sys.argv[2] if len(sys.argv) > 2 else str(ROOT.parent / "shared" / "data" / "retrieval")
DIMENSIONS = 384


def chroma(vectors: np.ndarray, folder: pathlib.Path):
    import chromadb

    client = chromadb.PersistentClient(str(folder / "chroma"))
    held = client.create_collection("chunks", metadata={"hnsw:space": "cosine"})
    for start in range(0, len(vectors), 5000):
        part = vectors[start : start + 5000]
        held.add(ids=[str(start + n) for n in range(len(part))], embeddings=part)
    return lambda query: [int(id) for id in held.query(query_embeddings=[query], n_results=10, include=[])["ids"][0]]


def lance(vectors: np.ndarray, folder: pathlib.Path):
    import lancedb
    import pyarrow

    flat = pyarrow.array(vectors.reshape(-1))
    rows = pyarrow.table({
        "id": pyarrow.array(range(len(vectors))),
        "vector": pyarrow.FixedSizeListArray.from_arrays(flat, DIMENSIONS),
    })
    table = lancedb.connect(folder / "lance").create_table("chunks", rows)
    table.create_index(metric="cosine", index_type="IVF_HNSW_SQ", vector_column_name="vector")
    return lambda query: table.search(query).metric("cosine").select(["id", "_distance"]).limit(10).to_arrow()["id"].to_pylist()


def txtai(vectors: np.ndarray, _: pathlib.Path):
    from txtai.ann import ANNFactory

    index = ANNFactory.create({"backend": "faiss", "dimensions": DIMENSIONS})
    index.index(vectors)
    return lambda query: [id for id, _ in index.search(query[None], 10)[0]]


def main() -> int:
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path.home() / ".cache/cairn/target"))
    with tempfile.TemporaryDirectory(prefix="cairn-vectors-") as name:
        folder = pathlib.Path(name)
        subprocess.run([target / "debug" / "cairn-bench", "retrieval", DATA, "scale", COUNT, name], check=True)
        vectors, queries = (
            np.fromfile(folder / f"{what}.f32", dtype="<f4").reshape(-1, DIMENSIONS) for what in ("vectors", "queries")
        )
        exact = np.argsort(-(queries[::3] @ vectors.T), axis=1)[:, :10]
        ours = json.loads((folder / "cairn.json").read_text(encoding="utf-8"))
        report("cairn", None, ours["dense"]["p50_ms"], ours["dense"]["p99_ms"], ours["recall"])
        for make in (chroma, lance, txtai):
            begun = time.perf_counter()
            search = make(vectors, folder)
            built = time.perf_counter() - begun
            for query in queries[:50]:
                search(query)
            took = []
            for query in np.resize(queries, (1000, DIMENSIONS)):
                begun = time.perf_counter()
                search(query)
                took.append((time.perf_counter() - begun) * 1e3)
            found = [set(search(query)) for query in queries[::3]]
            recall = sum(len(ids & set(row.tolist())) for ids, row in zip(found, exact)) / exact.size
            report(make.__name__, built, *np.percentile(took, [50, 99]), recall)
    return 0


def report(name: str, built, p50: float, p99: float, recall: float):
    made = "" if built is None else f", made in {built:.1f} s"
    print(f"{name}: p50 {p50:.2f} ms, p99 {p99:.2f} ms, recall@10 {recall:.4f}{made}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
