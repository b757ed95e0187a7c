"""Leaves one real config out of its family, and asks whether inference would accept its values.

    python benchmarks/inference.py CORPUS > benchmarks/inference.md

For each file of a family (the configs of one framework) the types are inferred from the
other files, and then each of its values is offered at its path. Three ways of inferring:
the exact type of one other value (what W&B Launch records), confjob's rules on one other
file alone, and confjob's rules on all the other files (`choices`, or a folder of configs).

What it must refuse is asked as well: wrong values are planted at every path. They are wrong
for every file of the family: of a kind that no file has there. Where all files have null,
nobody knows what would be wrong, and nothing is planted.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from attrs import define

from confjob.builtin.json import FORMAT as JSON
from confjob.builtin.yaml import FORMAT as YAML
from confjob.errors import ConfjobError
from confjob.form import Typing
from confjob.keypath import KeyPath
from confjob.model import Document, Source
from confjob.schema import infer, is_interpolation, kind_of
from confjob.validation import Validator
from confjob.values import read

FAMILIES = {
    "torchtune": ("torchtune/recipes/configs", YAML),
    "axolotl": ("axolotl/examples", YAML),
    "llamafactory": ("llamafactory/examples", YAML),
    "trl": ("trl/examples/accelerate_configs", YAML),
    "deepspeed": ("deepspeed", JSON),
}
PLANTED: dict[str, Any] = {
    "boolean": True,
    "integer": 7,
    "number": 3.5,
    "string": "banana",
    "array": ["banana", 3],
    "object": {"banana": 3},
}

Types = Callable[[Sequence[Document], KeyPath], Any]


@define
class Score:
    asked: int = 0
    accepted: int = 0

    def add(self, accepted: bool) -> None:
        self.asked += 1
        self.accepted += accepted

    def __str__(self) -> str:
        return f"{100 * self.accepted / self.asked:.2f} %" if self.asked else "-"


def by_exact_type(others: Sequence[Document], path: KeyPath) -> Any:
    # The first one that has the path, whatever the rest have; an int is a float, too.
    value = next(each.nodes[path].value for each in others if path in each.nodes)
    return {"type": kind_of(value)}


def by_one_file(others: Sequence[Document], path: KeyPath) -> Any:
    first = next(each for each in others if path in each.nodes)
    return Typing(document=first).at(path, first.nodes[path]).schema


def by_all_files(others: Sequence[Document], path: KeyPath) -> Any:
    first, *more = [each for each in others if path in each.nodes]
    return Typing(document=first, siblings=tuple(more)).at(path, first.nodes[path]).schema


WAYS: dict[str, Types] = {
    "the exact type of one value": by_exact_type,
    "confjob, one other file": by_one_file,
    "confjob, all other files": by_all_files,
}


def family(root: Path, folder: str, kind: Any) -> Iterator[Document]:
    for file in sorted((root / folder).rglob("*")):
        path = PurePosixPath(file.relative_to(root))
        if file.is_file() and path.name.endswith(kind.suffixes):
            try:
                document = kind.load(Source(input=str(path), path=path, root=root))
            except ConfjobError:
                continue
            if isinstance(document.tree, dict):
                yield document


def fields(document: Document) -> Iterator[KeyPath]:
    """Yield the paths that `show` would list: scalars, and lists without mappings in them."""
    for path, node in document.nodes.items():
        inside = any(isinstance(part, int) for part in path)
        scalars = isinstance(node.value, list) and not any(isinstance(each, dict) for each in node.value)
        if path and not inside and (scalars or not isinstance(node.value, (list, dict))):
            yield path


def seen(document: Document, path: KeyPath) -> Any:
    """Return a value as confjob takes it from a user: plain `2e-5` is a number."""
    node = document.nodes[path]
    plain = isinstance(node.value, str) and not node.style
    sort = infer(node.value, node.style)
    return read(node.value, sort) if plain and sort.get("type") == "number" else node.value


def offered(documents: list[Document], shuffled: random.Random) -> Iterator[tuple[list[Document], Document]]:
    for document in documents:
        others = [each for each in documents if each is not document]
        shuffled.shuffle(others)
        yield others, document


def measure(documents: list[Document]) -> dict[str, tuple[Score, Score]]:
    kinds: dict[KeyPath, set[str]] = {}
    for document in documents:
        for path in document.nodes:
            kinds.setdefault(path, set()).add(kind_of(seen(document, path)))
    scores = {way: (Score(), Score()) for way in WAYS}
    for others, document in offered(documents, random.Random(4)):
        known = {path for each in others for path in each.nodes}
        for path in filter(known.__contains__, fields(document)):
            value = seen(document, path)
            if is_interpolation(value):
                continue
            for way, (good, bad) in scores.items():
                validator = Validator(WAYS[way](others, path))
                good.add(not list(validator.violations(value)))
                for wrong in planted(kinds[path]):
                    bad.add(bool(list(validator.violations(wrong))))
    return scores


def planted(kinds: set[str]) -> Iterator[Any]:
    if kinds == {"null"}:
        return
    wide = kinds | ({"integer"} if "number" in kinds else set())
    yield from (value for kind, value in PLANTED.items() if kind not in wide and kind != "number")
    if not wide & {"integer", "number"}:
        yield PLANTED["number"]


def main() -> None:
    root = Path(sys.argv[1]).resolve()
    print("# Inference on real configs, one left out\n")
    print("By `benchmarks/inference.py`. Accepted: the share of the left-out file's values that fit the")
    print("inferred types. Refused: the share of planted wrong values (of a kind that no file of the")
    print("family has at that path) that do not.\n")
    print("| family | files | values | " + " | ".join(f"{way}: accepted | refused" for way in WAYS) + " |")
    print("| --- " * (3 + 2 * len(WAYS)) + "|")
    total = {way: (Score(), Score()) for way in WAYS}
    for name, (folder, kind) in FAMILIES.items():
        documents = list(family(root, folder, kind))
        scores = measure(documents)
        row(name, len(documents), scores)
        for way in WAYS:
            for sum_, one in zip(total[way], scores[way], strict=True):
                sum_.asked += one.asked
                sum_.accepted += one.accepted
    row("all", 0, total)


def row(name: str, files: int, scores: dict[str, tuple[Score, Score]]) -> None:
    asked = next(iter(scores.values()))[0].asked
    cells = (f"{good} | {bad}" for good, bad in scores.values())
    print(f"| {name} | {files or ''} | {asked} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
