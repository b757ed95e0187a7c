"""Compares the two JSON Schema validators on one large schema, in one run.

    python benchmarks/validating.py > benchmarks/validating.md

The schema is Axolotl's own where CONFJOB_PYTHON_AXOLOTL names an interpreter that has it,
else one made here: many properties, unions with null, bounds and nested models, as a
framework's Pydantic model has. Times are only reported as ratios. The documents are checked
for all their errors, which is what confjob asks for, and both must count the same.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

Errors = Callable[[Any], int]

PROBE = Path(__file__).parents[1] / "plugins" / "confjob-axolotl" / "confjob_axolotl" / "probe.py"


def schema() -> tuple[str, dict[str, Any]]:
    """Return the schema to measure with, and what to call it."""
    python = os.environ.get("CONFJOB_PYTHON_AXOLOTL")
    if not python:
        return "a generated schema", generated(400)
    with tempfile.TemporaryDirectory() as folder:
        request, answer = Path(folder, "request"), Path(folder, "answer")
        request.write_text(json.dumps({"ask": "schema", "plugins": []}))
        subprocess.run([python, PROBE, request, answer], check=True, cwd=folder, capture_output=True)
        return "Axolotl's schema", json.loads(answer.read_text())["answer"]["schema"]


def generated(size: int) -> dict[str, Any]:
    kinds: list[dict[str, Any]] = [
        {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
        {"anyOf": [{"type": "string"}, {"type": "number"}, {"type": "null"}]},
        {"anyOf": [{"enum": ["a", "b", "c"]}, {"type": "boolean"}, {"type": "null"}]},
        {"type": "array", "items": {"anyOf": [{"$ref": "#/$defs/Part"}, {"type": "string"}]}},
        {"$ref": "#/$defs/Part"},
    ]
    part = {
        "type": "object",
        "properties": {
            "path": {"type": "string", "minLength": 1},
            "weight": {"type": "number", "minimum": 0},
        },
        "required": ["path"],
    }
    properties = {f"option_{number}": kinds[number % len(kinds)] for number in range(size)}
    return {"$defs": {"Part": part}, "type": "object", "properties": properties}


def document(whole: dict[str, Any]) -> dict[str, Any]:
    """Return forty values, as a config file has them; of a generated schema one in ten is wrong."""
    part = {"path": "p", "weight": 1}
    fitting = [3, 0.5, "a", [part, "x"], part]
    if "option_0" in whole["properties"]:
        values = {f"option_{number}": fitting[number % 5] for number in range(40)}
        return {**values, "option_0": -1, "option_5": "x", "option_2": "d", "option_4": {"weight": -1}}
    return {
        "base_model": "some/model",
        "datasets": [{"path": "p", "type": "alpaca"}],
        "learning_rate": 2e-5,
        "micro_batch_size": 2,
        "num_epochs": "three",
        "sequence_len": 2048,
        "adapter": "lora",
        "lora_r": 8,
        "bf16": "auto",
        "val_set_size": -1,
    }


def fresh(build: Callable[[Any], Errors], whole: dict[str, Any]) -> Errors:
    """Build a validator anew: confjob keeps those that it has compiled."""
    from confjob.validation.engine import build as compiled

    compiled.cache_clear()
    return build(whole)


def by_rs(whole: dict[str, Any]) -> Errors:
    import jsonschema_rs

    validator = jsonschema_rs.validator_for(whole, validate_formats=False)
    return lambda instance: sum(1 for _ in validator.iter_errors(instance))


def by_jsonschema(whole: dict[str, Any]) -> Errors:
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(whole)
    return lambda instance: sum(1 for _ in validator.iter_errors(instance))


def by_confjob(whole: dict[str, Any]) -> Errors:
    from confjob.validation import Validator

    validator = Validator(whole)
    return lambda instance: len(validator.violations(instance))


VALIDATORS = {
    "jsonschema-rs": ("import jsonschema_rs", by_rs),
    "jsonschema": ("from jsonschema import Draft202012Validator", by_jsonschema),
    "confjob on jsonschema-rs, in words": (
        "from confjob.validation import Validator; import jsonschema_rs",
        by_confjob,
    ),
}


def median_of(work: Callable[[], object], times: int) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def imported(statement: str) -> float:
    """Return what an import adds to an interpreter's start, the bare start taken away."""

    def started(code: str) -> float:
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return time.perf_counter() - began

    # The quickest of many: whatever else the machine does only adds to it.
    return min(started(statement) for _ in range(25)) - min(started("pass") for _ in range(25))


def main() -> None:
    name, whole = schema()
    instance = document(whole)
    rows: dict[str, tuple[float, float, float, int]] = {}
    for label, (statement, build) in VALIDATORS.items():
        build(whole)(instance)  # imports and caches are not what is measured below
        errors = build(whole)
        built = median_of(lambda build=build: fresh(build, whole)(instance), 30)
        checked = median_of(lambda errors=errors: errors(instance), 200)
        rows[label] = (imported(statement), built, checked, errors(instance))
    report(name, whole, instance, rows)


def report(
    name: str,
    whole: dict[str, Any],
    instance: dict[str, Any],
    rows: dict[str, tuple[float, float, float, int]],
) -> None:
    base = rows["jsonschema-rs"]
    print("# Two validators of JSON Schema\n")
    packages = ", ".join(f"{package} {version(package)}" for package in ("jsonschema-rs", "jsonschema"))
    size = f"{len(whole['properties'])} properties, {len(json.dumps(whole)) // 1000} kB"
    print(f"{packages}; {name} ({size}) and a document of {len(instance)} values,")
    print("by `benchmarks/validating.py`: one run, jsonschema-rs is 1.\n")
    print("| validator | import | build and first document | a document | errors |")
    print("| --- | --- | --- | --- | --- |")
    for label, row in rows.items():
        ratios = (value / unit for value, unit in zip(row[:3], base[:3], strict=True))
        cells = " | ".join(f"{ratio:.3g} x" for ratio in ratios)
        print(f"| {label} | {cells} | {row[3]} |")
    print(
        "\nImport: the quickest of 25 interpreters, less a bare start. The rest: medians of 30 builds and 200"
    )
    print("documents, each for all its errors. confjob's own puts every error in words, for a person.")


if __name__ == "__main__":
    main()
