"""A train function as a job: its parameters are the run config, its defaults the values.

The signature and `@job(...)` are read from the text. Only annotations and defaults that
the text can't say are asked for in the job's interpreter, where the signature, not the
script, is run.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from attrs import evolve, field, frozen

from confjob.declare.annotations import annotation_schema, is_mapping
from confjob.declare.calls import ArgumentReader, Nodes, Problems, over, valued
from confjob.declare.guard import check_guarded
from confjob.declare.modules import Module, locate
from confjob.declare.pysource import PySource, Unreadable, read_python
from confjob.declare.schemas import ResolvedSchema
from confjob.declare.scripts import read_script
from confjob.declare.signatures import Function, arguments_of, read_signature
from confjob.errors import InputError, ManifestError
from confjob.keypath import KeyPath, PathFilter
from confjob.model import Ask, InputSpec, Node, Problem, Span
from confjob.tree import Json
from confjob.words import did_you_mean, listing

__all__ = ["CodeJob", "read_function"]

Call = Literal["parameters", "config", "none"]

_DECORATORS = frozenset({"confjob.job", "confjob.job.job", "confjob.job.decorators.job"})
_OPTIONS = ("name", "description", "defaults", "include", "exclude", "schema", "resources", "env")


@frozen(kw_only=True)
class CodeJob:
    """What a function says of itself as a job.

    Args:
        module: The dotted name it is imported under.
        file: Its file, relative to the project root.
        function: Its name in the module.
        call: `parameters` (each run-config key is an argument), `config` (the whole run
            config is the one argument) or `none`.
        description: From the decorator, else the docstring's first line.
        where: The function's name in the file.
        run_config: The input that its parameters make.
        files: Inputs that the module declares by `manage_config_file`.
        resources: From the decorator.
        env: From the decorator.
        name: From the decorator.
    """

    module: str
    file: PurePosixPath
    function: str
    call: Call
    description: str
    where: Span
    run_config: InputSpec
    files: tuple[InputSpec, ...] = ()
    resources: Mapping[str, Json] = field(factory=dict)
    env: Mapping[str, str] = field(factory=dict)
    name: str | None = None


def read_function(root: Path, reference: str, ask: Ask) -> CodeJob:
    """Return the job that `module:function` or `file.py:function` names.

    Args:
        root: The project root.
        reference: `train:train`, `pkg.mod:func` (also below `src/`), `src/pkg/mod.py:func`.
        ask: Asks a probe in the job's interpreter.

    Raises:
        InputError: When there is no such file or function, or its types can't be had.
        ManifestError: When the decorator is wrong, or the module can't be imported
            without running its main part; with all problems.
    """
    place, colon, name = reference.rpartition(":")
    if not (colon and place and name.isidentifier()):
        raise ManifestError(
            f"{reference!r} names no function", hint="write module:function or path/to/file.py:function"
        )
    module = locate(root, place)
    return _read(root, module, name, ask, frozenset())


def _read(root: Path, module: Module, name: str, ask: Ask, seen: frozenset[tuple[str, str]]) -> CodeJob:
    source = read_python(root, module.file)
    function = source.functions.get(name)
    if function is None:
        home, original = _imported(root, source, module, name)
        if (home.name, original) in seen:
            raise _unknown(source, name)
        found = _read(root, home, original, ask, seen | {(home.name, original)})
        return evolve(found, module=module.name, file=module.file, function=name)
    check_guarded(source, name)
    return _Reader(root, source, module, function, ask).job()


def _imported(root: Path, source: PySource, module: Module, name: str) -> tuple[Module, str]:
    """Return the project's module that `module` imports `name` from, and its name there."""
    origin, _, original = source.imports.get(name, "").rpartition(".")
    try:
        return locate(root, _absolute(origin, module)), original
    except (InputError, ValueError):
        raise _unknown(source, name) from None


def _absolute(origin: str, module: Module) -> str:
    """Return an import's module, a relative one (`..impl`) as seen from `module`."""
    dots = len(origin) - len(origin.lstrip("."))
    if not dots:
        return origin
    is_package = module.file.name == "__init__.py"
    parts = module.name.split(".")
    base = parts[: len(parts) - dots + is_package]
    return ".".join([*base, origin[dots:]] if origin[dots:] else base)


def _unknown(source: PySource, name: str) -> InputError:
    known = list(source.functions)
    what = "is not a function" if name in source.bound else "there is no function"
    listed = f" (functions: {listing(known)})" if known else ""
    return InputError(
        f"{source.path}: {what} {name!r}{listed}",
        hint=did_you_mean(name, known)
        or "the function must be written with def at the top level of its module",
    )


class _Reader:
    """Reads one function; problems of the decorator are raised together."""

    def __init__(self, root: Path, source: PySource, module: Module, function: Function, ask: Ask) -> None:
        self.source = source
        self.module = module
        self.function = function
        self.ask = ask
        self.root = root
        self.problems = Problems("run-config")
        self.reader = ArgumentReader(root=root, source=source, module=module, ask=ask, problems=self.problems)
        self.given = self._decorator()

    def job(self) -> CodeJob:
        literal, given = self.reader.literal, self.given
        run_config, call = self._run_config()
        declared = read_script(self.root, self.source.path, self.ask)
        found = CodeJob(
            module=self.module.name,
            file=self.module.file,
            function=self.function.name,
            call=call,
            description=literal("description", given.get("description"), str, "text") or self._summary(),
            where=self._where(),
            run_config=self._combined(run_config, declared, call),
            files=tuple(spec for spec in declared if spec.kind == "file"),
            resources=literal("resources", given.get("resources"), dict, "a mapping") or {},
            env=literal("env", given.get("env"), dict, "a mapping of text") or {},
            name=literal("name", given.get("name"), str, "text"),
        )
        self._raise_problems()
        return found

    def _decorator(self) -> dict[str, ast.expr]:
        """Return the arguments of `@job(...)` by name; a bare or absent one has none."""
        for decorator in self.function.decorator_list:
            call = decorator if isinstance(decorator, ast.Call) else None
            if call is None or self.source.origin(call.func) not in _DECORATORS:
                continue
            given = dict(zip(_OPTIONS[:1], call.args, strict=False))
            for keyword in call.keywords:
                self._check_option(keyword)
                if keyword.arg is not None:
                    given[keyword.arg] = keyword.value
            return given
        return {}

    def _check_option(self, keyword: ast.keyword) -> None:
        if keyword.arg not in _OPTIONS:
            name = "**" if keyword.arg is None else repr(keyword.arg)
            hint = did_you_mean(keyword.arg or "", _OPTIONS) or f"options: {listing(_OPTIONS)}"
            self.problems.add(self.source.span(keyword), f"job(...) has no option {name}", hint)

    def _run_config(self) -> tuple[InputSpec, Call]:
        reader, given = self.reader, self.given
        spec = InputSpec(
            name="run-config",
            kind="run-config",
            filter=PathFilter(
                reader.prefixes("include", given.get("include")),
                reader.prefixes("exclude", given.get("exclude")),
            ),
            filter_where=self._filter_where(),
            where=self._where(),
        )
        schema = reader.schema(given.get("schema"))
        defaults = reader.defaults(given.get("defaults"))
        call = self._call()
        if call == "parameters":
            spec = self._with_parameters(spec)
        elif call == "config":
            spec = self._with_config(spec)
        if schema is not None:
            spec = self._with_schema(spec, schema)
        if isinstance(defaults, PurePosixPath):
            return evolve(spec, source=defaults), call
        merged = over(spec.defaults, defaults) or self._nothing()
        required = tuple(path for path in spec.required if path not in merged)
        return evolve(spec, defaults=merged, required=required), call

    def _with_schema(self, spec: InputSpec, schema: ResolvedSchema) -> InputSpec:
        values = valued(schema.values, schema.where) if schema.values else None
        return evolve(
            spec,
            schema=schema.schema,
            schema_where=schema.stands,
            schema_places=schema.places,
            defaults=over(values, spec.defaults),
        )

    def _call(self) -> Call:
        arguments = arguments_of(self.function)
        if not arguments:
            return "parameters" if self.function.args.kwarg else "none"
        only = arguments[0][0]
        plain = only.annotation is None and only.arg == "config"
        one_config = len(arguments) == 1 and (plain or is_mapping(self.source, only.annotation))
        return "config" if one_config else "parameters"

    def _with_config(self, spec: InputSpec) -> InputSpec:
        """Return the run config of a function that takes it whole."""
        argument, default = arguments_of(self.function)[0]
        nodes = None
        if default is not None and not (isinstance(default, ast.Constant) and default.value is None):
            found = self.reader.defaults(default)
            nodes = None if isinstance(found, PurePosixPath) else found
        schema = None
        if argument.annotation is not None:
            try:
                schema = annotation_schema(self.source, argument.annotation)
            except Unreadable:
                schema = None
        # `dict` alone says nothing; `dict[str, float]` does.
        typed = schema if schema and "additionalProperties" in schema else None
        return evolve(spec, defaults=nodes, schema=typed)

    def _with_parameters(self, spec: InputSpec) -> InputSpec:
        """Return the run config whose keys are the function's parameters."""
        signature = read_signature(self.source, self.module, self.function, self.ask)
        root = {KeyPath(): Node(value=signature.values, where=self._where())}
        return evolve(
            spec,
            defaults={**root, **signature.nodes},
            schema=signature.schema,
            required=signature.required,
        )

    def _combined(self, own: InputSpec, declared: tuple[InputSpec, ...], call: Call) -> InputSpec:
        """Return the run config, with what `manage_config` calls in the module say of it."""
        said = next((spec for spec in declared if spec.kind == "run-config"), None)
        if said is None:
            return own
        if call == "none" and not self.given:
            return said
        problem = Problem(
            code="ignored",
            input="run-config",
            message=f"manage_config(...) has no effect on the job {self.function.name}",
            hint="its run config is the function's parameters; give the filter to @job(...)",
            where=said.where,
            severity="warning",
        )
        return evolve(own, warnings=(*own.warnings, problem))

    def _filter_where(self) -> Span | None:
        said = self.given.get("include") or self.given.get("exclude")
        return None if said is None else self.source.span(said)

    def _where(self) -> Span:
        """Return the place of the function's name."""
        whole = self.source.span(self.function)
        start = self.source.text.index(self.function.name, self.source.text.index("def", whole.start) + 3)
        column = whole.column + start - whole.start
        return evolve(whole, start=start, end=start + len(self.function.name), column=column)

    def _summary(self) -> str:
        return (ast.get_docstring(self.function) or "").strip().partition("\n")[0].strip()

    def _nothing(self) -> Nodes:
        return {KeyPath(): Node(value={}, where=self._where())}

    def _raise_problems(self) -> None:
        found = [evolve(problem, code="bad-declaration", severity="error") for problem in self.problems.found]
        if not found:
            return
        first = found[0]
        message = f"{first.where}: {first.message}"
        if len(found) > 1:
            message = f"{self.source.path}: {len(found)} problems in the declaration of {self.function.name}"
        raise ManifestError(message, hint=first.hint if len(found) == 1 else "", problems=found)
