"""Sets every leaf of every YAML file of a folder, by confjob and by what people use instead.

    python benchmarks/patching.py CORPUS > benchmarks/patching.md

Asked of each editor: is a file without changes given back byte for byte; after one leaf is
set, is the whole document what was meant, and did only that leaf's line change. Times are
of the whole patch from text to text, and are reported as ratios measured in this one run.
"""

from __future__ import annotations

import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from confjob.builtin.yaml import FORMAT
from confjob.model import Change, Document, Source
from confjob.tree import get, leaves, put, same

Patch = Callable[[Document, str, Any, Any], str]


def by_confjob(document: Document, _: str, path: Any, value: Any) -> str:
    before = get(document.tree, path)
    change = Change(input=document.source.input, path=path, before=before, after=value)
    again = FORMAT.load(document.source)  # from text, as the others do
    return next(iter(FORMAT.deliver(again, [change] if path else []).files.values()))


def by_ruamel(_: Document, text: str, path: Any, value: Any) -> str:
    from ruamel.yaml import YAML

    rt = YAML()
    tree = rt.load(text)
    _set(tree, path, value)
    out = io.StringIO()
    rt.dump(tree, out)
    return out.getvalue()


def by_pyyaml(_: Document, text: str, path: Any, value: Any) -> str:
    tree = yaml.load(text, Loader=yaml.CSafeLoader)
    _set(tree, path, value)
    return yaml.dump(tree, Dumper=yaml.CSafeDumper)


def _set(tree: Any, path: Any, value: Any) -> None:
    if path:
        for part in path[:-1]:
            tree = tree[part]
        tree[path[-1]] = value


EDITORS: dict[str, Patch] = {
    "confjob": by_confjob,
    "ruamel.yaml, as it comes": by_ruamel,
    "PyYAML load and dump (W&B Launch's way)": by_pyyaml,
}


def other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return 0.123
    return "word" if isinstance(value, str) else 5


def one_line(old: str, new: str) -> bool:
    before, after = old.splitlines(), new.splitlines()
    differing = [pair for pair in zip(before, after, strict=False) if pair[0] != pair[1]]
    return len(before) == len(after) and len(differing) == 1


def right(text: str, meant: Any, file: str) -> bool:
    try:
        source = Source(input=file, path=PurePosixPath(file), root=Path())
        from confjob.model import Delivery

        return same(FORMAT.load(source.applied(Delivery(files={PurePosixPath(file): text}))).tree, meant)
    except Exception:  # noqa: BLE001 - text that does not load is not right, whatever the error
        return False


def documents(corpus: Path) -> Iterator[tuple[Document, str]]:
    for file in sorted(path for path in corpus.rglob("*") if path.suffix in (".yaml", ".yml")):
        name = PurePosixPath(file.relative_to(corpus))
        source = Source(input=str(name), path=name, root=corpus)
        document = FORMAT.load(source)
        if isinstance(document.tree, (dict, list)) and document.tree:
            yield document, source.text(name)


def measure(corpus: Path, every: int) -> dict[str, dict[str, Any]]:
    counts = {name: {"noop": 0, "right": 0, "line": 0, "error": 0, "times": []} for name in EDITORS}
    totals = {"files": 0, "leaves": 0}
    for document, text in documents(corpus):
        totals["files"] += 1
        for name, patch in EDITORS.items():
            counts[name]["noop"] += patch(document, text, (), None) == text
        for path, value in list(leaves(document.tree))[::every]:
            if path in document.nodes and not isinstance(value, (dict, list)):
                totals["leaves"] += 1
                _one(counts, document, text, path, other(value))
    return {"totals": totals, **counts}


def _one(counts: dict[str, Any], document: Document, text: str, path: Any, value: Any) -> None:
    meant = put(document.tree, path, value)
    for name, patch in EDITORS.items():
        began = time.perf_counter()
        try:
            patched = patch(document, text, path, value)
        except Exception:  # noqa: BLE001 - an editor that fails is counted
            counts[name]["error"] += 1
            continue
        counts[name]["times"].append(time.perf_counter() - began)
        counts[name]["right"] += right(patched, meant, document.source.input)
        counts[name]["line"] += one_line(text, patched)


def main() -> None:
    every = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    found = measure(Path(sys.argv[1]).resolve(), every)
    totals = found.pop("totals")
    base = statistics.median(found["confjob"]["times"])
    print("# One leaf set in real YAML files\n")
    sampled = "every leaf" if every == 1 else f"one leaf in {every}"
    print(f"{totals['files']} files, {totals['leaves']} patches ({sampled}), by `benchmarks/patching.py`.\n")
    print("| editor | unchanged file byte for byte | value right | only that line changed | errors | time |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, count in found.items():
        shares = (
            count["noop"] / totals["files"],
            count["right"] / totals["leaves"],
            count["line"] / totals["leaves"],
        )
        ratio = statistics.median(count["times"]) / base
        cells = " | ".join(f"{share:.1%}" for share in shares)
        print(f"| {name} | {cells} | {count['error']} | {ratio:.2f} x |")
    print("\nTime: the median of a whole patch from text to text, relative to confjob's in the same run.")
    print("A value is right when the whole document reads as meant, with `2e-5` a number.")


if __name__ == "__main__":
    main()
