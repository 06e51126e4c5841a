"""Fits the decision whether documents can answer, of `crates/services/src/answer/confidence.rs`, and measures it.

    python bench/peers/confidence.py QED... [--squad FILE]

QED are files of github.com/google-research-datasets/QED (questions of Natural Questions with the paragraph that
answers them), the published `*.jsonlines` or the shards of its first commit. Of 1,300 paragraphs a sixth get their
title in front, as a chunk has its headings. Each question is asked in a store of 1 to 1,300 paragraphs, once with its
paragraph and once without any of its article. A logistic regression over nearness, coverage and the logarithm of the
store's size tells the two apart, cross-validated by article. With `--squad` the same weights, never fitted to it, are
tried on SQuAD: each question in the whole collection and without its article.

Needs the packages of `confidence.txt` beside it and the embedding model in the model store. The analysis of words is
the program's in all that matters here, without its compounds.
"""

import json
import math
import os
import pathlib
import random
import re
import sys
import unicodedata
import zlib

import numpy
import onnxruntime
import Stemmer
import tokenizers

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = pathlib.Path(os.environ.get("CAIRN_MODELS_DIR", pathlib.Path.home() / ".cache/cairn/models"))
STOP = set((ROOT / "crates/search/src/analysis/stop/en.txt").read_text(encoding="utf-8").split("\n"))
ASKING = set(
    "what how mani much doe do did when where who whom why which whose tell explain describ mean document accord say "
    "pleas can should".split()
)
PARAGRAPHS, QUESTIONS, SEED = 1300, 1300, 11
DEPTH, READ, TRUSTED, COVERAGE = 5, 3, 20, 0.1
THRESHOLD = 1 / 3

stemmer = Stemmer.Stemmer("english")
tokenizer = tokenizers.Tokenizer.from_file(str(MODELS / "all-MiniLM-L6-v2.tokenizer.json"))
tokenizer.no_padding()
tokenizer.no_truncation()


def terms(text: str) -> list[str]:
    folded = "".join(c for c in unicodedata.normalize("NFKD", text) if not "\u0300" <= c <= "\u036f").lower()
    words = re.findall(r"[^\W_]+(?:'[^\W_]+)?", folded.replace("\u2019", "'"))
    return [stemmer.stemWord(word) if word.isalpha() else word for word in words if word not in STOP]


def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("THREADS", "1"))
    return onnxruntime.InferenceSession(str(MODELS / "all-MiniLM-L6-v2.int8.onnx"), options)


def embed(texts: list[str], model) -> tuple[numpy.ndarray, list[numpy.ndarray]]:
    """For each text its vector, and those of its own tokens; all of length 1."""
    first, last = tokenizer.token_to_id("[CLS]"), tokenizer.token_to_id("[SEP]")
    whole, own = [], []
    for encoding in tokenizer.encode_batch(texts, add_special_tokens=False):
        ids = encoding.ids
        parts = max(1, -(-len(ids) // 254))
        hidden = []
        for part in range(parts):
            window = [first, *ids[len(ids) * part // parts : len(ids) * (part + 1) // parts], last]
            feed = numpy.array([window], dtype=numpy.int64)
            inputs = {
                "input_ids": feed,
                "attention_mask": numpy.ones_like(feed),
                "token_type_ids": numpy.zeros_like(feed),
            }
            hidden.append(model.run(["last_hidden_state"], inputs)[0][0])
        total = sum(part.sum(axis=0) for part in hidden)
        tokens = numpy.concatenate([part[1:-1] for part in hidden])
        whole.append(total / numpy.linalg.norm(total))
        own.append((tokens / numpy.linalg.norm(tokens, axis=1, keepdims=True)).astype(numpy.float32))
    return numpy.stack(whole), own


class Collection:
    """Paragraphs, each of a group, and questions: (text, paragraph, has an answer)."""

    def __init__(self, paragraphs: list[str], groups: list[str], questions: list[tuple[str, int, bool]], model):
        self.groups, self.questions = numpy.array(groups), questions
        self.vectors, self.tokens = embed(paragraphs, model)
        self.asked, self.asked_tokens = embed([question[0] for question in questions], model)
        words = [terms(paragraph) for paragraph in paragraphs]
        self.words = [set(held) for held in words]
        self.lengths = numpy.array([len(held) for held in words], dtype=float)
        self.postings: dict[str, list[tuple[int, int]]] = {}
        for place, held in enumerate(words):
            for term in set(held):
                self.postings.setdefault(term, []).append((place, held.count(term)))

    def signs(self, number: int, store: numpy.ndarray) -> tuple[float, float, int]:
        """Nearness, coverage and size, for a question in the store of these paragraphs (a mask)."""
        text = self.questions[number][0]
        places = numpy.flatnonzero(store)
        size, mean = len(places), self.lengths[places].mean()
        cosines = self.vectors[places] @ self.asked[number]
        scores, rarity = numpy.zeros(len(store)), {}
        for term in terms(text):
            held = [(place, count) for place, count in self.postings.get(term, []) if store[place]]
            rarity[term] = math.log(1 + (size - len(held) + 0.5) / (len(held) + 0.5))
            for place, count in held:
                norm = 1.5 * (0.25 + 0.75 * self.lengths[place] / mean)
                scores[place] += rarity[term] * count * 2.5 / (count + norm)
        bm25 = scores[places]
        low = numpy.sort(cosines)[-100:][0] * min(size, 100) / (min(size, 100) + 20)
        near = numpy.clip((cosines - low) / max(cosines.max() - low, 1e-6), 0, 1)
        fused = 0.6 * near + 0.4 * bm25 / bm25.max() if bm25.max() > 0 else near
        best = places[numpy.argsort(-fused, kind="stable")]
        trust, rarest = size / (size + TRUSTED), math.log(1 + (size + 0.5) / 0.5)
        weights = {term: trust * held / rarest + 1 - trust for term, held in rarity.items() if term not in ASKING}
        total = sum(weights.values()) or 1
        coverage = max(sum(w for term, w in weights.items() if term in self.words[p]) / total for p in best[:DEPTH])
        asked = self.asked_tokens[number]
        nearness = max(float((asked @ self.tokens[p].T).max(axis=1).mean()) for p in best[:READ])
        return nearness, coverage, size


def plain(text: str) -> str:
    """QED's text is tokenised; this joins its punctuation again."""
    text = re.sub(r" ([.,;:!?)\]%])", r"\1", re.sub(r"([(\[]) ", r"\1", text))
    return re.sub(r"\s+", " ", text.replace(" 's", "'s").replace(" - ", "-").replace("`` ", '"').replace(" ''", '"'))


def qed(paths: list[str], draw: random.Random, model) -> Collection:
    rows = []
    for path in paths:
        for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            kind = row.get("answer_type") or row["annotation"]["explanation_type"]
            text = plain(row["paragraph_text"])
            if kind != "none" and 80 <= len(text) <= 1800:
                rows.append((row["title_text"], row["question_text"], text))
    draw.shuffle(rows)
    rows = rows[:PARAGRAPHS]
    texts = [f"{title}. {text}" if draw.random() < 1 / 6 else text for title, _, text in rows]
    questions = [(question, place, True) for place, (_, question, _) in enumerate(rows)]
    return Collection(texts, [title for title, _, _ in rows], questions, model)


def squad(path: str, model) -> Collection:
    paragraphs, groups, questions = [], [], []
    for article in json.loads(pathlib.Path(path).read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                questions.append((asked["question"].strip(), len(paragraphs), not asked["is_impossible"]))
            paragraphs.append(paragraph["context"])
            groups.append(article["title"])
    return Collection(paragraphs, groups, questions, model)


def columns(signs: list[tuple[float, float, int]]) -> numpy.ndarray:
    return numpy.array([[nearness + COVERAGE * coverage, math.log(size), 1] for nearness, coverage, size in signs])


def fit(x: numpy.ndarray, y: numpy.ndarray) -> numpy.ndarray:
    """A logistic regression by Newton's method; the ridge only keeps it from running away."""
    weights = numpy.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + numpy.exp(-x @ weights))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + numpy.eye(len(weights)) * 1e-3
        weights -= numpy.linalg.solve(hessian, x.T @ (p - y) + 1e-3 * weights)
    return weights


def auc(inside: numpy.ndarray, outside: numpy.ndarray) -> float:
    order = numpy.sort(outside)
    return float((numpy.searchsorted(order, inside) + numpy.searchsorted(order, inside, "right")).mean() / 2 / len(order))


def told(name: str, inside: numpy.ndarray, outside: numpy.ndarray) -> None:
    line = math.log(THRESHOLD / (1 - THRESHOLD))
    print(
        f"{name}: area under the curve {auc(inside, outside):.4f}; at the threshold {(outside < line).mean():.3f} of the "
        f"questions without their article are refused, and {(inside < line).mean():.3f} of the others"
    )


def main() -> None:
    arguments = sys.argv[1:]
    other = arguments.index("--squad") if "--squad" in arguments else len(arguments)
    draw, model = random.Random(SEED), session()
    held = qed(arguments[:other], draw, model)
    signs, labels, parts = [], [], []
    for number in draw.sample(range(len(held.questions)), min(QUESTIONS, len(held.questions))):
        place = held.questions[number][1]
        size = int(math.exp(draw.uniform(0, math.log(len(held.words)))))
        store = numpy.zeros(len(held.words), dtype=bool)
        store[draw.sample(range(len(store)), size)] = True
        same = held.groups == held.groups[place]
        store[same] = False
        if not store.any():
            store[draw.choice(numpy.flatnonzero(~same).tolist())] = True
        signs.append(held.signs(number, store))
        store[same] = True
        signs.append(held.signs(number, store))
        labels += [0, 1]
        parts += [zlib.crc32(str(held.groups[place]).encode()) % 10] * 2
    x, y, part = columns(signs), numpy.array(labels, dtype=float), numpy.array(parts)
    judged = numpy.zeros(len(y))
    for left_out in range(10):
        judged[part == left_out] = x[part == left_out] @ fit(x[part != left_out], y[part != left_out])
    told("QED, cross-validated", judged[y == 1], judged[y == 0])
    weights = fit(x, y)
    print("nearness {:.2f} (coverage a tenth of it), chunks {:.3f}, constant {:.2f}".format(*weights))
    if other < len(arguments):
        tried = squad(arguments[other + 1], model)
        inside, outside, adversarial = [], [], []
        everything = numpy.ones(len(tried.words), dtype=bool)
        for number, (_, place, answered) in enumerate(tried.questions):
            outside.append(tried.signs(number, tried.groups != tried.groups[place]))
            (inside if answered else adversarial).append(tried.signs(number, everything))
        inside, outside, adversarial = (columns(signs) @ weights for signs in (inside, outside, adversarial))
        told("SQuAD", inside, outside)
        told("SQuAD, the unanswerable beside the answerable", inside, adversarial)


if __name__ == "__main__":
    main()
