"""Facts that one sees on the pages of files, and how many of them each reader's text holds.

    python documents.py [DATA]

DATA is a folder with the files that `bench/documents/facts.json` names (default `../shared/data/documents`). The peers
are markitdown and pdftotext (poppler); both see the same files in the same run. Letters and digits decide, in their
order; marks, markup and white space do not count, for any reader. A second table asks for the PDFs' facts again after
their pages were turned into pictures of 150 dots an inch.
"""

from __future__ import annotations

import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unicodedata

ROOT = pathlib.Path(__file__).resolve().parents[2]
FACTS = json.loads((ROOT / "bench/documents/facts.json").read_text(encoding="utf-8"))
SCANNED_PAGES = 6


def plain(text: str) -> str:
    """Only letters and digits, in lower case, with single spaces between."""
    text = unicodedata.normalize("NFKC", text).lower()
    return " " + re.sub(r"[\W_]+", " ", text).strip() + " "


def cairn(files: list[pathlib.Path]) -> dict[str, dict]:
    program = os.environ.get("CAIRN_BENCH") or str(
        pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug" / "cairn-bench"
    )
    done = subprocess.run([program, "documents", *map(str, files)], check=True, capture_output=True, text=True)
    return {answer["file"]: answer for answer in map(json.loads, done.stdout.splitlines())}


def markitdown(files: list[pathlib.Path]) -> dict[str, dict]:
    from markitdown import MarkItDown

    reader, answers = MarkItDown(), {}
    for file in files:
        start = time.monotonic()
        try:
            answer = {"text": reader.convert(str(file)).text_content}
        except Exception as error:  # noqa: BLE001 - any failure of the peer is its answer
            answer = {"error": f"{type(error).__name__}: {error}"[:120]}
        answers[str(file)] = answer | {"took_ms": round(1000 * (time.monotonic() - start))}
    return answers


def pdftotext(files: list[pathlib.Path]) -> dict[str, dict]:
    answers = {}
    for file in files:
        start = time.monotonic()
        done = subprocess.run(["pdftotext", "-layout", str(file), "-"], capture_output=True, text=True, check=False)
        answer = {"text": done.stdout} if done.returncode == 0 else {"error": done.stderr.strip()[:120]}
        answers[str(file)] = answer | {"took_ms": round(1000 * (time.monotonic() - start))}
    return answers


READERS = {"cairn": cairn, "markitdown": markitdown, "pdftotext": pdftotext}


def judge(title: str, facts: list[dict], place) -> dict[str, dict[str, dict]]:
    """Asks every reader for the files of `facts` and prints what it found."""
    files = sorted({place(fact) for fact in facts})
    answers = {name: reader(files) for name, reader in READERS.items()}
    found: dict[str, collections.Counter] = {name: collections.Counter() for name in READERS}
    kinds = collections.Counter(fact["kind"] for fact in facts)
    for fact in facts:
        for name, texts in answers.items():
            text = plain(texts[str(place(fact))].get("text", ""))
            if plain(fact["words"]) in text:
                found[name][fact["kind"]] += 1
            elif name == "cairn":
                print(f"  cairn misses in {fact['file']}, page {fact['page']}: {fact['words']}")
    print(f"\n{title}: {len(facts)} facts in {len(files)} files")
    print(f"{'':10}" + "".join(f"{name:>14}" for name in READERS) + f"{'of':>8}")
    for kind, count in sorted(kinds.items()):
        print(f"{kind:10}" + "".join(f"{found[name][kind]:14}" for name in READERS) + f"{count:8}")
    totals = {name: sum(found[name].values()) for name in READERS}
    print(f"{'all':10}" + "".join(f"{totals[name]:14}" for name in READERS) + f"{len(facts):8}")
    print(f"{'share':10}" + "".join(f"{100 * totals[name] / len(facts):13.1f}%" for name in READERS))
    took = {name: sum(answer["took_ms"] for answer in texts.values()) / 1000 for name, texts in answers.items()}
    print(f"{'seconds':10}" + "".join(f"{took[name]:14.1f}" for name in READERS))
    return answers


def scan(source: pathlib.Path, folder: pathlib.Path) -> pathlib.Path:
    """The first pages of a PDF as a PDF of pictures."""
    from PIL import Image

    stem = folder / source.stem
    subprocess.run(["pdftoppm", "-r", "150", "-l", str(SCANNED_PAGES), "-png", str(source), str(stem)], check=True)
    pages = [Image.open(page).convert("L") for page in sorted(folder.glob(f"{source.stem}-*.png"))]
    target = folder / f"{source.stem}.scan.pdf"
    pages[0].save(target, save_all=True, append_images=pages[1:], resolution=150)
    return target


def main() -> None:
    if missing := [tool for tool in ("pdftotext", "pdftoppm") if shutil.which(tool) is None]:
        sys.exit(f"{' and '.join(missing)} missing; install the package poppler-utils")
    data = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT.parent / "shared/data/documents").resolve()
    judge("as they are", FACTS["facts"], lambda fact: data / fact["file"])
    with tempfile.TemporaryDirectory() as folder:
        scans = {name: scan(data / name, pathlib.Path(folder)) for name in FACTS["scans"]}
        facts = [fact for fact in FACTS["facts"] if fact["file"] in scans and fact["page"] <= SCANNED_PAGES]
        judge("as scans", facts, lambda fact: scans[fact["file"]])
    refused = cairn([data / case["file"] for case in FACTS["refused"]])
    print()
    for case in FACTS["refused"]:
        error = refused[str(data / case["file"])].get("error", "")
        print(f"{'refused, ' + case['because'] if case['because'] in error else 'NOT REFUSED AS IT SHOULD'}: {error}")


if __name__ == "__main__":
    main()
