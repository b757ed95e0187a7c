"""What was found as the text of a manifest, each guess with its reason."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Final

from confjob.discover.found import Found, FoundFile, FoundFolder, FoundJob
from confjob.model import Flag, InputSpec, Problem
from confjob.schema import Navigator, constraints, type_name
from confjob.tree import MISSING
from confjob.words import toml_key, value_text

__all__ = ["manifest_text", "unread"]

_HEAD: Final = """\
# What can be launched here, and with which inputs. Written by `confjob init`, which ran
# nothing: read it, and change what it guessed wrongly.
# `confjob show JOB` lists a job's inputs; `confjob schema` is this file's schema."""

_EXAMPLE: Final = """\
# Nothing here looks like a job yet. A job is a command, or a function with @job:
#
# [jobs.train]
# command = ["python", "train.py", "--config", "{config}"]
#
# [jobs.train.run-config]
# parser = "train.py"            # its own argparse or click flags can be set and checked
#
# [[jobs.train.files]]
# name = "config"                # what {config} stands for
"""
_EXAMPLE_REST: Final = """\
#
# [jobs.train.resources]
# gpus = 1
"""
_MOST_FLAGS: Final = 30
_MOST_LINES: Final = 20
_WIDTH: Final = 100


def manifest_text(found: Found) -> str:
    """Return the text of `launch.toml`."""
    return "\n".join(_manifest(found))


def unread(job: FoundJob) -> list[Problem]:
    """Return what of a job's inputs only running its script would tell."""
    declared = job.declared
    specs = [spec for spec in declared.inputs if spec.kind in ("run-config", "file")] if declared else []
    return [
        *(declared.warnings if declared else ()),
        *(each for spec in specs for each in spec.warnings),
        *(job.flags.warnings if job.flags else ()),
    ]


def _manifest(found: Found) -> Iterator[str]:
    yield _HEAD
    if found.python.why and found.jobs:
        yield f"# Jobs run with {found.python.why}."
    if found.python.missing:
        yield f"# {_line(found.python.missing)}."
    yield ""
    for job in found.jobs:
        yield from _job(job, found.python.declare)
    if not found.jobs and not found.notebooks:
        yield _EXAMPLE + "".join(f"# {line}\n" for line in _example_file(found.likely)) + _EXAMPLE_REST
    for notebook in found.notebooks:
        yield from _notebook(notebook)
    if found.unused:
        yield "# Config files that no job is known to read:"
        yield from (f"#   {line}" for line in _by_folder(found.unused))
        yield ""
    if found.folders:
        yield from _folders(found.folders)


def _job(job: FoundJob, python: str) -> Iterator[str]:
    name = toml_key(job.name)
    yield f"[jobs.{name}]    # {job.why}"
    if job.function is not None:
        yield f"function = {json.dumps(job.function)}"
    elif job.command:
        yield f"command = {json.dumps(list(job.command))}"
    else:
        yield 'command = ["python", "train.py"]    # a guess: what reads the file is not plain to see'
    if python:
        yield f"python = {json.dumps(python)}"
    yield from job.settings
    yield from (f"# {_line(remark)}" for remark in job.remarks)
    yield from _unread_flags(job)
    yield from (f"# {line}".rstrip() for line in _listed(job))
    yield ""
    if job.parser is not None and job.flags is not None:
        yield from _flags(name, job.parser, job.flags)
    declared = job.declared.inputs if job.declared else ()
    known = {path for spec in declared for path in (spec.path, spec.source)}
    for file in job.files:
        if file.path not in known:
            yield from _file(name, file)


def _unread_flags(job: FoundJob) -> Iterator[str]:
    """Yield why a command line is not read, and how a person says it."""
    if job.unread:
        yield "# Its command line is not read:"
        yield from (f"#   {_line(each)}" for each in job.unread)
        yield "# Words of it can stand in the command; what shall be changed is said like this:"
        yield f"#   [jobs.{toml_key(job.name)}.run-config]"
        yield "#   defaults = { lr = 0.1 }"
        yield '#   flags = { lr = "--lr" }'


# -- what calls declare ----------------------------------------------------------------


def _listed(job: FoundJob) -> Iterator[str]:
    """Yield what a script's calls declare, and what of it only the running script knows."""
    declared = job.declared
    inputs = [spec for spec in declared.inputs if spec.kind in ("run-config", "file")] if declared else []
    if inputs:
        yield "Read from the calls in its text, so nothing else need be said here:"
        yield from (f"  {_described(spec)}" for spec in inputs)
    if declared is not None and unread(job):
        yield "Not to be read without running it:"
        yield from (f"  {problem.where}: {_line(problem.message)}" for problem in unread(job))
        yield f"This runs it once, and prints what it declares: {_capture(job)}"
    if job.missing:
        yield f"Calls of another library declare its inputs, too; they are read with: pip install {job.missing}"


def _described(spec: InputSpec) -> str:
    said = [
        f"{word} {', '.join(map(str, prefixes))}"
        for word, prefixes in (("include", spec.filter.include), ("exclude", spec.filter.exclude))
        if prefixes
    ]
    said += ["a schema"] if spec.schema is not None else []
    at = f" ({spec.where.file}:{spec.where.line})" if spec.where else ""
    return _line(f"{spec.input}{at}{': ' if said else ''}{'; '.join(said)}")


def _capture(job: FoundJob) -> str:
    return f"confjob capture --print -- {shlex.join(job.command)}"


# -- flags -----------------------------------------------------------------------------


def _flags(job: str, parser: str, spec: InputSpec) -> Iterator[str]:
    count = len(spec.flags)
    yield f"[jobs.{job}.run-config]"
    yield f"parser = {json.dumps(parser)}    # its flags, read anew each time; what is not set is not passed"
    rows = [_flag(spec, flag) for flag in spec.flags[:_MOST_FLAGS]]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for row in rows:
        cells = "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False))
        yield _cut(f"#   {cells}  {row[3]}".rstrip())
    if count > _MOST_FLAGS:
        yield f"#   and {count - _MOST_FLAGS} more"
    if spec.warnings:
        yield "# Not to be read from its text:"
        yield from (f"#   {problem.where}: {_line(problem.message)}" for problem in spec.warnings)
    yield "# defaults = {}     # what differs from the script's own defaults"
    yield "# exclude = []      # what nobody should change\n"


def _flag(spec: InputSpec, flag: Flag) -> tuple[str, str, str, str]:
    schema = Navigator(spec.schema or {}).at(flag.path) or {}
    if flag.path in spec.required:
        value = "must be set"
    else:
        value = "" if flag.default is MISSING else value_text(flag.default)
    said = "; ".join(filter(None, (constraints(schema), schema.get("description", ""))))
    return str(flag.path), type_name(schema), _cut(_line(value), 24), _line(said)


# -- files, folders, notebooks ---------------------------------------------------------


def _file(job: str, file: FoundFile) -> Iterator[str]:
    yield f"[[jobs.{job}.files]]    # {file.why}"
    if file.name is not None:
        yield f"name = {json.dumps(file.name)}"
    yield f"path = {json.dumps(str(file.path))}"
    if file.choices is not None:
        picked = file.name or str(file.path)
        yield f"choices = {json.dumps(file.choices)}    # {file.others} more; --file {picked}=PATH picks one"
    if file.format is not None:
        yield f"format = {json.dumps(file.format)}"
    yield "# exclude = []    # what nobody should change\n"


def _example_file(likely: FoundFile | None) -> Iterator[str]:
    path = json.dumps("config.yaml" if likely is None else str(likely.path))
    choices = "configs/*.yaml" if likely is None else likely.choices
    yield f"{f'path = {path}':30} # a YAML, JSON or TOML file the script reads"
    if choices is not None:
        yield f"{f'choices = {json.dumps(choices)}':30} # --file config=PATH picks another"


def _by_folder(paths: Sequence[PurePosixPath]) -> Iterator[str]:
    """Yield paths, those of a folder with many as one line."""
    groups: dict[PurePosixPath, list[PurePosixPath]] = {}
    for path in paths:
        groups.setdefault(path.parent / f"*{path.suffix}", []).append(path)
    lines: list[str] = []
    for pattern, each in groups.items():
        lines += [f"{pattern} ({len(each)})"] if len(each) > 3 else map(str, each)
    yield from lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        yield f"and more in {len(lines) - _MOST_LINES} places"


def _folders(folders: Sequence[FoundFolder]) -> Iterator[str]:
    needed = [folder for folder in folders if folder.role == "needed"]
    worth = [folder for folder in folders if folder.role != "output"]
    yield "# git ignores these folders, so runs don't have them. Those they need can be linked:"
    yield from (f"#   {folder.path}: {folder.why}" for folder in folders)
    if worth:
        yield f"{'' if needed else '# '}[workspace]"
    if needed:
        yield f"link = {_names(needed)}"
    if worth != needed:
        yield f"# link = {_names(worth)}"
    yield ""


def _names(folders: Iterable[FoundFolder]) -> str:
    return f"[{', '.join(json.dumps(str(folder.path)) for folder in folders)}]"


def _notebook(path: PurePosixPath) -> Iterator[str]:
    name = toml_key(path.stem)
    script = json.dumps(str(path.with_suffix(".py")))
    yield f"# {path} is a notebook, which can't be launched as it is. As a script it can:"
    yield f"#   jupyter nbconvert --to script {shlex.quote(str(path))}"
    yield f"# [jobs.{name}]"
    yield f'# command = ["python", {script}]'
    yield "# With papermill it runs as a notebook; what ran is among the run's outputs:"
    yield f'# command = ["papermill", {json.dumps(str(path))}, "ran.ipynb", "-f", "{{parameters}}"]'
    yield f"# [[jobs.{name}.files]]"
    yield '# name = "parameters"    # a YAML file of values for the cell tagged `parameters`'
    yield '# path = "parameters.yaml"\n'


def _cut(text: str, width: int = _WIDTH) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _line(text: str) -> str:
    return " ".join(text.split())
