"""What a script says about its inputs by `manage_config(...)` and `manage_config_file(...)`.

The calls are found in the text, at any depth, and the script is never run: a script's
import may train a model. Other libraries' calls of the same meaning (W&B Launch's) are
read alike, once a plugin names them.
"""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Literal

from attrs import evolve, frozen

from confjob.declare.calls import ArgumentReader, Problems, over, valued
from confjob.declare.modules import locate
from confjob.declare.pysource import PySource, Unreadable, read_python
from confjob.keypath import PathFilter
from confjob.model import Ask, Calls, InputSpec, Problem, Span
from confjob.schema import Schema
from confjob.tree import Json
from confjob.words import did_you_mean, listing

__all__ = ["read_script", "unread_calls"]

_HOMES = ("confjob.", "confjob.job.", "confjob.job.runtime.")
_RUN_CONFIG = ("defaults", "include", "exclude", "schema")
_FILE = ("path", "include", "exclude", "schema")

_Means = Literal["run-config", "file", "values"]


@frozen(kw_only=True)
class _Known:
    """A call that declares something: what it means, its parameters, and whose it is."""

    means: _Means
    parameters: tuple[str, ...]
    reader: str | None = None
    schema: Callable[[Schema], Schema] = lambda schema: schema


def read_script(
    root: Path, path: PurePosixPath, ask: Ask, libraries: Iterable[Calls] = ()
) -> tuple[InputSpec, ...]:
    """Return the inputs that a project's script declares, the run config first.

    As in W&B Launch a call for a file alone hides the run config, and a call for the run
    config brings it back. Calls for the run config add up (the last schema wins); of two
    for one file the last counts.

    Args:
        root: The project root.
        path: The script, relative to it.
        ask: Asks a probe in the job's interpreter; only schemas that are objects need it.
        libraries: Calls of other libraries that mean the same.

    Returns:
        The declarations; what could not be read is among their `warnings`.

    Raises:
        InputError: When the script or a schema can't be read.
    """
    script = _Script(root, read_python(root, PurePosixPath(path)), ask, libraries)
    run_config: InputSpec | None = None
    files: dict[PurePosixPath, InputSpec] = {}
    calls = script.calls()
    declares = any(known.means == "run-config" for known, _ in calls)
    for known, call in _of_one_reader(calls):
        if known.means == "file":
            spec = script.file(known, call)
            if spec is not None and spec.path is not None:
                files[spec.path] = spec
        else:
            run_config = script.run_config(run_config, known, call)
    # Values alone (`wandb.init(config=…)`) are inputs where nothing at all is declared.
    shown = run_config is not None and (declares or not files)
    return (*([run_config] if shown and run_config else []), *files.values())


def _of_one_reader(calls: Sequence[tuple[_Known, ast.Call]]) -> Iterator[tuple[_Known, ast.Call]]:
    """Yield the calls without values handed to a library that does not read the run config.

    A script that declares its run config to one library may hand it on to another.
    """
    readers = {known.reader for known, _ in calls if known.means == "run-config"}
    for known, call in calls:
        if known.means != "values" or not readers or (known.reader in readers and None not in readers):
            yield known, call


def unread_calls(root: Path, path: PurePosixPath, libraries: Iterable[Calls] = ()) -> tuple[Problem, ...]:
    """Return a warning for each call for a config file whose path only the running script knows.

    They belong to no input, so `read_script` has no place for them.
    """
    script = _Script(root, read_python(root, PurePosixPath(path)), _never, libraries)
    problems = Problems("")
    for known, call in script.calls():
        given = script.arguments(known, call, problems) if known.means == "file" else {}
        if known.means == "file" and script.path(given.get("path")) is None:
            problems.add(
                script.source.span(call),
                f"`{ast.unparse(call)}`: the path can't be read without running the script",
                hint=f"write the path as a literal, declare the file in launch.toml, or run it once: "
                f"confjob capture --print -- python {path}",
            )
    return tuple(problems.found)


class _Script:
    """A script whose calls are read one by one."""

    def __init__(self, root: Path, source: PySource, ask: Ask, libraries: Iterable[Calls]) -> None:
        self.root = root
        self.source = source
        self.ask = ask
        self.module = locate(root, str(source.path))
        self.known = _known(list(libraries))

    def calls(self) -> list[tuple[_Known, ast.Call]]:
        """Return the calls that declare something, in the order in which they are written."""
        calls = (node for node in ast.walk(self.source.tree) if isinstance(node, ast.Call))
        found = [
            (self.known[origin], call)
            for call in calls
            if (origin := self.source.origin(call.func)) in self.known
        ]
        return sorted(found, key=lambda each: (each[1].lineno, each[1].col_offset))

    def arguments(self, known: _Known, call: ast.Call, problems: Problems) -> dict[str, ast.expr]:
        """Return the arguments of a call by name."""
        given = dict(zip(known.parameters, call.args, strict=False))
        given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        starred = any(isinstance(node, ast.Starred) for node in call.args)
        if starred or any(keyword.arg is None for keyword in call.keywords):
            name = ast.unparse(call.func)
            problems.add(self.source.span(call), f"{name}: arguments behind * can't be read from the text")
        if known.means != "values":
            self._note_unknown(known, call, given, problems)
        return {key: node for key, node in given.items() if not isinstance(node, ast.Starred)}

    def _note_unknown(self, known: _Known, call: ast.Call, given: Iterable[str], problems: Problems) -> None:
        """Note arguments that the call does not have: `input_schema=` would check nothing."""
        for key in given:
            if key not in known.parameters:
                hint = did_you_mean(key, known.parameters) or f"arguments: {listing(known.parameters)}"
                message = f"{ast.unparse(call.func)} has no argument {key!r}"
                problems.add(self.source.span(call), message, hint)

    def run_config(self, before: InputSpec | None, known: _Known, call: ast.Call) -> InputSpec:
        """Return the run config after one more call about it."""
        problems = Problems("run-config")
        given = self.arguments(known, call, problems)
        if known.means == "values":
            given = {"defaults": given["config"]} if "config" in given else {}
        reader = self._reader(problems)
        spec = before or InputSpec(name="run-config", kind="run-config", where=self.source.span(call))
        schema = reader.schema(given.get("schema"))
        defaults = reader.defaults(given.get("defaults"))
        if schema is not None:
            values = valued(schema.values, schema.where) if schema.values else None
            # An instance's values lie under all defaults that are said, whatever the order.
            spec = evolve(
                spec,
                schema=known.schema(schema.schema),
                schema_where=schema.stands,
                schema_places=schema.places,
                defaults=over(values, spec.defaults),
            )
        if isinstance(defaults, PurePosixPath):
            spec = evolve(spec, source=defaults)
        elif defaults is not None:
            spec = evolve(spec, defaults=over(spec.defaults, defaults))
        return evolve(
            spec,
            reader=known.reader or spec.reader,
            filter=self._filter(reader, given, spec.filter),
            filter_where=self._filter_where(given) or spec.filter_where,
            warnings=(*spec.warnings, *problems.found),
        )

    def file(self, known: _Known, call: ast.Call) -> InputSpec | None:
        """Return the declaration of a call about a config file, if its path can be read."""
        problems = Problems("")
        given = self.arguments(known, call, problems)
        path = self.path(given.get("path"))
        if path is None:
            return None
        problems.input = str(path)
        reader = self._reader(problems)
        schema = reader.schema(given.get("schema"))
        return InputSpec(
            name=str(path),
            kind="file",
            path=path,
            filter=self._filter(reader, given, PathFilter()),
            filter_where=self._filter_where(given),
            schema=known.schema(schema.schema) if schema else None,
            schema_where=schema.stands if schema else "",
            schema_places=schema.places if schema else {},
            where=self.source.span(call),
            warnings=tuple(problems.found),
        )

    def path(self, node: ast.expr | None) -> PurePosixPath | None:
        """Return the project-relative path that an expression names, or None.

        Besides literals, `Path(__file__).resolve().parent / "config.yaml"` is understood.
        """
        if node is None:
            return None
        try:
            value = self.source.value(node)
        except Unreadable:
            return self._beside_file(self.source.followed(node))
        # `sub/../c.yaml` and `c.yaml` are one input.
        return PurePosixPath(posixpath.normpath(value)) if isinstance(value, str) and value else None

    def _beside_file(self, node: ast.expr) -> PurePosixPath | None:
        if isinstance(node, ast.Name):
            followed = self.source.followed(node)
            return None if followed is node else self._beside_file(followed)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            base, name = self._beside_file(node.left), self.path(node.right)
            return None if base is None or name is None else base / name
        if isinstance(node, ast.Attribute) and node.attr == "parent":
            below = self._beside_file(node.value)
            return None if below is None else below.parent
        if not isinstance(node, ast.Call):
            return None
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("resolve", "absolute"):
            return self._beside_file(node.func.value)
        named = [part.id for part in node.args if isinstance(part, ast.Name)]
        is_file = self.source.origin(node.func) == "pathlib.Path" and named == ["__file__"]
        return self.source.path if is_file else None

    def _reader(self, problems: Problems) -> ArgumentReader:
        return ArgumentReader(
            root=self.root, source=self.source, module=self.module, ask=self.ask, problems=problems
        )

    def _filter(self, reader: ArgumentReader, given: dict[str, ast.expr], before: PathFilter) -> PathFilter:
        return PathFilter(
            [*map(str, before.include), *reader.prefixes("include", given.get("include"))],
            [*map(str, before.exclude), *reader.prefixes("exclude", given.get("exclude"))],
        )

    def _filter_where(self, given: dict[str, ast.expr]) -> Span | None:
        said = given.get("include") or given.get("exclude")
        return None if said is None else self.source.span(said)


def _known(libraries: Sequence[Calls]) -> dict[str, _Known]:
    """Return every call that declares something, by the dotted name it comes from."""
    ours = {f"{home}manage_config": _Known(means="run-config", parameters=_RUN_CONFIG) for home in _HOMES}
    ours |= {f"{home}manage_config_file": _Known(means="file", parameters=_FILE) for home in _HOMES}
    return {name: known for library in libraries for name, known in _theirs(library)} | ours


def _theirs(library: Calls) -> Iterator[tuple[str, _Known]]:
    groups: tuple[tuple[_Means, Mapping[str, tuple[str, ...]]], ...] = (
        ("run-config", library.run_config),
        ("file", library.file),
        ("values", library.values),
    )
    for means, named in groups:
        for name, parameters in named.items():
            yield (
                name,
                _Known(means=means, parameters=parameters, reader=library.name, schema=library.schema),
            )


def _never(script: Path, request: Json) -> Json:
    raise AssertionError(f"{script} is not asked {request} for a path")
