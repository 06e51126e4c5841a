#!/usr/bin/env python3
"""Every `cairn_` metric that deploy/ speaks of must be recorded somewhere in crates/.

A description alone (monitor/src/describe.rs) does not count: a board over a metric
that nothing records stays empty. Ends with 1 and the list when one is missing.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SUFFIXES = ("_bucket", "_sum", "_count")
# Not metrics: crates of ours look the same in Rust paths.
LITERAL = re.compile(r'"(cairn_[a-z0-9_]+)"')
NAMED = re.compile(r"\bcairn_[a-z0-9_]+\b")


def recorded() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "crates").rglob("*.rs"):
        if path.name != "describe.rs":
            found |= set(LITERAL.findall(path.read_text(encoding="utf-8")))
    return found


def wanted() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in (ROOT / "deploy").rglob("*"):
        if path.suffix in (".yml", ".yaml", ".json"):
            for name in NAMED.findall(path.read_text(encoding="utf-8")):
                found.setdefault(base(name), set()).add(str(path.relative_to(ROOT)))
    return found


def base(name: str) -> str:
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix)
    return name


def main() -> int:
    have, want = recorded(), wanted()
    missing = {name: files for name, files in want.items() if name not in have}
    for name, files in sorted(missing.items()):
        print(f"{name}: in {', '.join(sorted(files))}, but no crate records it")
    print(f"{len(want)} metrics named in deploy/, {len(missing) or 'none'} missing")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
