"""Our BM25 against bm25s (with PyStemmer) on the same texts: nDCG@10 on each collection.

    python bench/peers/bm25.py [DATA]

Needs the packages of `bm25.txt` beside it, and `cairn-bench`, which reads the collections,
searches them with ours and hands the texts over. Ends with 1 if ours is more than 0.005 behind.
"""

import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile

import bm25s
import Stemmer

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = sys.argv[1] if len(sys.argv) > 1 else str(ROOT.parent / "shared" / "data" / "retrieval")
MARGIN = 0.005


def ndcg(ranked: list[int], relevant: set[int]) -> float:
    best = sum(1 / math.log2(place + 2) for place in range(min(10, len(relevant))))
    return sum(1 / math.log2(place + 2) for place, id in enumerate(ranked[:10]) if id in relevant) / best


def theirs(documents: list, queries: list, stopwords: str) -> float:
    stemmer = Stemmer.Stemmer("english")

    def terms(texts: list[str]):
        return bm25s.tokenize(texts, stopwords=stopwords, stemmer=stemmer, show_progress=False)

    index = bm25s.BM25()  # its defaults: Lucene's formula, k1 1.5, b 0.75
    index.index(terms([text for _, text in documents]), show_progress=False)
    rows, _ = index.retrieve(terms([text for text, _ in queries]), k=10, show_progress=False)
    found = ([documents[place][0] for place in row] for row in rows)
    return sum(ndcg(ids, set(relevant)) for ids, (_, relevant) in zip(found, queries)) / len(queries)


def main() -> int:
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", pathlib.Path.home() / ".cache/cairn/target"))
    behind = False
    with tempfile.TemporaryDirectory(prefix="cairn-bm25-") as folder:
        subprocess.run([target / "debug" / "cairn-bench", "retrieval", DATA, "words", folder], check=True)
        for path in sorted(pathlib.Path(folder).glob("*.json")):
            texts = json.loads(path.read_text(encoding="utf-8"))
            short, long = (theirs(texts["documents"], texts["queries"], stop) for stop in ("en", "english_plus"))
            ours = texts["ours"]
            behind |= ours < short - MARGIN or ours < long - MARGIN
            print(f"{path.stem}: ours {ours:.4f}, bm25s {short:.4f}, with its long list of stop words {long:.4f}")
    return 1 if behind else 0


if __name__ == "__main__":
    sys.exit(main())
