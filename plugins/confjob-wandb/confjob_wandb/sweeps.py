"""A W&B sweep as a `[sweeps.NAME]` table: axes of values over the run config.

What the table has no words for is refused with the reason, all of it at once: a sweep that runs
over something else than was meant is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from attrs import field, frozen

from confjob.plugin import ConfjobError, Json, KeyPath, Problem, tree

__all__ = ["Sweep", "read_sweep"]

_METHODS: Final = frozenset({"grid", "random"})

#: Keys that say where W&B keeps the sweep, not what is run.
_ELSEWHERE: Final = frozenset({"description", "entity", "name", "parameters", "method", "project"})
_NOTES: Final = {
    "command": 'how values reach the program is the job\'s matter: its command, and deliver = "flags" '
    "for what ${args} does",
    "program": "what is run is the job's command",
    "metric": "grid and random need no metric",
}
_REFUSED: Final = {
    "early_terminate": "runs are not ended early by a metric",
    "run_cap": "the table has no limit of runs",
}
_MOST: Final = 1000

#: Numbers that PyYAML, which wandb reads sweeps with, takes for text.
_EXPONENT: Final = re.compile(r"[-+]?[0-9.]+[eE][-+]?[0-9]+")


@frozen(kw_only=True)
class Sweep:
    """A sweep that can be said.

    Args:
        name: Its name in W&B, or `""`.
        table: `method` and `axes`.
        notes: What was left out, and why that changes nothing.
    """

    name: str
    table: Mapping[str, Json]
    notes: tuple[str, ...] = field(default=())


def read_sweep(told: Json) -> Sweep:
    """Return a sweep's table, from what W&B's YAML reads as.

    Raises:
        ConfjobError: With everything that can't be said among its problems.
    """
    if not isinstance(told, dict) or not isinstance(told.get("parameters"), dict):
        raise ConfjobError("there are no parameters in it", hint="give the YAML of a W&B sweep")
    method = told.get("method")
    problems = [*_unsaid(told)]
    axes: dict[str, list[Json]] = {}
    for path, parameter in _parameters(told["parameters"], KeyPath()):
        try:
            axes[f"run-config:{path}"] = _values(parameter, method)
        except ValueError as error:
            problems.append(_problem(f"parameters.{path}", str(error), "list its values"))
    if problems:
        raise ConfjobError("the sweep can't be said in launch.toml", problems=problems)
    notes = [f"{key} is left out: {why}" for key, why in _NOTES.items() if told.get(key)]
    table = {"method": method, "axes": axes}
    return Sweep(name=str(told.get("name") or ""), table=table, notes=(*notes, *_texts(axes)))


def _texts(axes: Mapping[str, list[Json]]) -> Iterator[str]:
    """Yield a note for each value that looks like a number and is none."""
    for path, values in axes.items():
        for value in values:
            if isinstance(value, str) and _EXPONENT.fullmatch(value):
                yield f"{path}: {value} is text, to wandb as well: YAML 1.1 wants a dot and a sign, 1.0e-3"


def _unsaid(told: Mapping[str, Json]) -> Iterator[Problem]:
    if told.get("method") not in _METHODS:
        message = f"{told.get('method')!r} is no method of the table"
        yield _problem("method", message, "grid and random are; bayes needs a server of W&B's")
    for key, value in told.items():
        if key in _REFUSED and value:
            yield _problem(key, _REFUSED[key], "take it out")
        elif key not in _ELSEWHERE | _NOTES.keys() | _REFUSED.keys():
            yield _problem(key, "the table has no word for it", "take it out")


def _parameters(parameters: Mapping[str, Json], at: KeyPath) -> Iterator[tuple[KeyPath, Json]]:
    """Yield every parameter; a nested one is a key of the config below."""
    for key, parameter in parameters.items():
        path = at.child(str(key))
        nested = parameter.get("parameters") if isinstance(parameter, dict) else None
        if isinstance(nested, dict) and len(parameter) == 1:
            yield from _parameters(nested, path)
        else:
            yield path, parameter


def _values(parameter: Json, method: Json) -> list[Json]:
    """Return the values of a parameter.

    Raises:
        ValueError: When they are no list, in words.
    """
    if not isinstance(parameter, dict):
        raise ValueError("a parameter must be a mapping such as {values: [1, 2]}")  # noqa: TRY004 - the sweep is read from a file
    if parameter.get("probabilities"):
        raise ValueError("the table has no probabilities")
    if "value" in parameter:
        return _sayable([parameter["value"]])
    if "values" in parameter:
        return _sayable(parameter["values"])
    return _range(parameter, method)


def _sayable(values: Json) -> list[Json]:
    if not isinstance(values, list) or not values:
        raise ValueError("values must be a list with something in it")
    if any(leaf is None for _, leaf in tree.leaves(values)):
        raise ValueError("TOML, in which the table is written, knows no null")
    return values


def _range(parameter: Mapping[str, Json], method: Json) -> list[Json]:
    low, high = parameter.get("min"), parameter.get("max")
    whole = type(low) is int and type(high) is int  # bool is an int to isinstance
    named = parameter.get("distribution", "int_uniform" if whole else "uniform")
    if method == "grid" and named == "int_uniform" and isinstance(low, int) and isinstance(high, int):
        if high - low >= _MOST:
            raise ValueError(f"{high - low + 1} values are too many for an axis")
        return list(range(low, high + 1))
    raise ValueError(f"an axis is a list of values; the distribution {named!r} has no word there")


def _problem(path: str, message: str, hint: str) -> Problem:
    return Problem(code="sweep", message=f"{path}: {message}", hint=hint)
