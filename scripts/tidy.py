#!/usr/bin/env python3
"""Rules about the repository that no compiler knows. Prints each breach and ends with 1."""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LONGEST = 600  # lines of a Rust or TypeScript file

# Long files that are one table or are generated.
LONG_BY_NATURE = {"console/src/api/openapi.ts"}

# Which crate of ours may depend on which: lower layers only, and no skill on a sibling.
BASE = {"kernel"}
LOW = BASE | {"isolate", "onnx", "wire"}
SKILLS = {"documents", "search", "tables", "automl", "serving", "pipelines", "guard", "monitor", "sources"}
MAY_USE = {
    "kernel": set(),
    "wire": BASE,
    "onnx": BASE,
    "encoder": BASE | {"onnx"},
    "isolate": BASE,
    "store": BASE,
    "documents": LOW,
    "search": LOW,
    "tables": LOW,
    "automl": LOW,
    "serving": LOW | {"encoder"},
    "pipelines": LOW | {"store"},
    "guard": LOW,
    "monitor": LOW,
    "sources": LOW,
    "services": LOW | SKILLS | {"store"},
    "gateway": BASE | {"wire", "services", "monitor"},
    "cairn": LOW | SKILLS | {"store", "services", "gateway"},
    "bench": LOW | SKILLS | {"encoder", "store", "services"},
}

# Engines that only their owners may name.
OWNERS = {
    "axum": {"gateway"},
    "tower-http": {"gateway"},
    "tonic": {"gateway"},
    "clap": {"cairn", "bench"},
    "sqlx": {"store", "pipelines", "services"},
    "object_store": {"store"},
    "datafusion": {"tables", "automl"},
    "qdrant-edge": {"search", "bench"},
    "llama-cpp-2": {"serving", "bench"},
    "lightgbm3-sys": {"automl", "bench"},
    "pdf_oxide": {"documents"},
    "office_oxide": {"documents"},
    "landlock": {"isolate"},
}

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|\btodo!\(|\bunimplemented!\(")
FOREIGN = re.compile(r"(?<![\w.$}])/(work|root)/|\bissue #\d+", re.IGNORECASE)
TEXT = {".rs", ".ts", ".tsx", ".css", ".html", ".py", ".sh", ".sql", ".toml", ".yml", ".yaml", ".md", ".json"}
CRATES_IO = "registry+https://github.com/rust-lang/crates.io-index"


def files() -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, check=True, capture_output=True
    ).stdout.decode()
    return sorted(name for name in listed.split("\0") if name and (ROOT / name).is_file())


def sizes(names: list[str]):
    for name in names:
        if name.endswith((".rs", ".ts", ".tsx")) and name not in LONG_BY_NATURE:
            count = len((ROOT / name).read_text(encoding="utf-8").splitlines())
            if count > LONGEST:
                yield f"{name}: {count} lines; split it by concept (at most {LONGEST})"


def words(names: list[str]):
    for name in names:
        if pathlib.PurePath(name).suffix not in TEXT or name == "scripts/tidy.py":
            continue
        if name.startswith("examples/documents/") or name.endswith("package-lock.json"):
            continue
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
            if found := UNFINISHED.search(line):
                yield f"{name}:{number}: unfinished work marked '{found[0]}'"
            if found := FOREIGN.search(line):
                yield f"{name}:{number}: '{found[0]}' means nothing to a reader of this repository"


def crate_folders() -> dict[str, pathlib.Path]:
    found = {path.parent.name: path.parent for path in (ROOT / "crates").glob("*/Cargo.toml")}
    return {**found, "bench": ROOT / "bench"}


def docs():
    for name, folder in crate_folders().items():
        for root in ("src/lib.rs", "src/main.rs"):
            path = folder / root
            if path.is_file() and not path.read_text(encoding="utf-8").startswith("//!"):
                yield f"{path.relative_to(ROOT)}: must begin with //! saying what '{name}' owns"


def dependencies(manifest: str) -> set[str]:
    """The names under any [..dependencies] table."""
    found, inside = set(), False
    for line in manifest.splitlines():
        if line.startswith("["):
            inside = line.strip("[] ").endswith("dependencies")
        elif inside and (match := re.match(r"([A-Za-z0-9_-]+)\s*[.=]", line)):
            found.add(match[1])
    return found


def layers():
    for name, folder in crate_folders().items():
        if name not in MAY_USE:
            yield f"crates/{name}: has no place in the layers; add it to scripts/tidy.py and docs/architecture.md"
            continue
        for used in dependencies((folder / "Cargo.toml").read_text(encoding="utf-8")):
            ours = used.removeprefix("cairn-")
            if used.startswith("cairn-") and ours not in MAY_USE[name]:
                yield f"{folder.relative_to(ROOT)}: may not depend on {used}"
            if used in OWNERS and name not in OWNERS[used]:
                yield f"{folder.relative_to(ROOT)}: {used} belongs to {', '.join(sorted(OWNERS[used]))}"


def lock_files():
    for number, line in enumerate((ROOT / "Cargo.lock").read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("source = ") and CRATES_IO not in line:
            yield f"Cargo.lock:{number}: not from crates.io: {line}"
    path = ROOT / "console" / "package-lock.json"
    if path.is_file():
        for name, package in json.loads(path.read_text(encoding="utf-8"))["packages"].items():
            if "resolved" in package:
                yield f"console/package-lock.json: '{name}' names a registry; npm config set omit-lockfile-registry-resolved true"


def main() -> int:
    names = files()
    breaches = [*sizes(names), *words(names), *docs(), *layers(), *lock_files()]
    for breach in breaches:
        print(breach)
    print(f"{len(names)} files: {len(breaches) or 'no'} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
