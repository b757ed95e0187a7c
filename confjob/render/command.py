"""The command a run starts: placeholders filled, flags and extra arguments appended.

`{config}` is the path of the file input called `config`; `{run-config:seed}` the value
at `seed` in the run config. Braces around anything else (JSON on a command line) stay
as they are; `{{config}}` is a literal `{config}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from confjob.form import Form, Word
from confjob.keypath import KeyPath, PathSyntaxError
from confjob.model import Delivery, Document, Problem, RunFile
from confjob.tree import MISSING, Json, get
from confjob.words import did_you_mean, listing, value_text

__all__ = ["FUNCTION", "RUNNER", "command"]

#: The private files of a run that calls a function: the runner, and what it shall call.
RUNNER = RunFile(name="runner.py")
FUNCTION = RunFile(name="function.json")

_CALL_FUNCTION: tuple[Word, ...] = ("python", RUNNER, FUNCTION)

_NAME = r"[A-Za-z_][\w./-]*"


def command(
    form: Form, documents: Mapping[str, Document], delivery: Delivery, extra: Sequence[str]
) -> tuple[tuple[Word, ...], tuple[Problem, ...]]:
    """Return the job's argv, and why parts of it can't be filled.

    Args:
        form: The job and its fields; secret ones must not appear in an argv.
        documents: Its inputs as the job will read them.
        delivery: All deliveries as one; its command replaces the declared one.
        extra: Arguments after `--` on the command line.
    """
    filler = _Filler(form, documents)
    declared = form.job.command if delivery.command is None else delivery.command
    words: list[Word] = (
        list(_CALL_FUNCTION) if declared is None else [filler.filled(word) for word in declared]
    )
    if form.job.deliver == "flags":
        words.extend(filler.flags())
    words.extend(extra)
    if any(isinstance(word, str) and "\0" in word for word in words):
        filler.problem("a NUL character can't stand in a command", "let the job read the value")
    return tuple(words), tuple(filler.problems)


class _Filler:
    """Fills one command from the documents; gathers what can't be filled."""

    def __init__(self, form: Form, documents: Mapping[str, Document]) -> None:
        self.form = form
        self.job = form.job
        self.documents = documents
        self.problems: list[Problem] = []
        self.placeholder = _placeholder(name for spec in form.job.inputs for name in (spec.name, spec.input))

    def filled(self, word: str) -> str:
        """Return a word of the command with its placeholders replaced."""
        return self.placeholder.sub(self._fill, word)

    def flags(self) -> Iterator[str]:
        """Yield the run config as flags: `--trainer.lr 0.1`, or in the job's own style."""
        if "run-config" not in self.documents:
            return
        present = self.form.documents["run-config"].tree
        for path, value in _values(self.documents["run-config"].tree):
            if self.form.is_secret("run-config", path, value):
                hint = 'deliver = "file", and read it with load_config()'
                self.problem(f"'{path}' is secret and can't be delivered as a flag", hint)
            elif value is not None:
                yield from _flag(self.job.flag_style, path, value)
            elif get(present, path) not in (None, MISSING):
                # Left out, the job would take its own default and nobody would know.
                self.problem(f"'{path}' can't be null in a flag", f"--set {path}- leaves the flag out")

    def _fill(self, match: re.Match[str]) -> str:
        literal, name, path = match[1], match[4], match[5]
        if literal is not None:
            return str(literal)
        value = self._value(name, path)
        return match[0] if value is None else value

    def _value(self, name: str, path_text: str | None) -> str | None:
        spec = self.job.input(name)
        if spec is None:
            names = [each.name for each in self.job.inputs]
            hint = (
                did_you_mean(name, names)
                or f"inputs: {listing(names)}; for a literal {{{name}}} write {{{{{name}}}}}"
            )
            self.problem(f"'{{{name}}}' in the command names no input", hint)
            return None
        if path_text is not None:
            return self._at(spec.input, name, path_text)
        if spec.path is None:
            self.problem(f"'{{{name}}}' in the command is not a file", f"write {{{name}:path}}")
            return None
        return str(spec.source or spec.path)

    def _at(self, input_name: str, name: str, path_text: str) -> str | None:
        document = self.documents[input_name]
        try:
            path = document.resolve(KeyPath.parse(path_text))
        except PathSyntaxError as error:
            self.problem(f"in the command: {error}")
            return None
        value = get(document.tree, path)
        if input_name == "env":
            self.problem(
                f"'{{env:{path}}}': an environment value can't stand in a command", "let the job read it"
            )
            return None
        if self.form.is_secret(input_name, path, value):
            self.problem(f"'{path}' is secret and can't stand in a command", "let the job read it")
            return None
        if value is MISSING:
            hint = did_you_mean(str(path), map(str, document.nodes))
            self.problem(f"'{{{name}:{path}}}' in the command: no such value", hint)
            return None
        return value_text(value)

    def problem(self, message: str, hint: str = "") -> None:
        """Note why the command can't be had."""
        self.problems.append(Problem(code="command", message=message, hint=hint, where=self.job.where))


def _placeholder(names: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern of `{{name}}` and `{name:path}`: any word, or an input's name whatever is in it."""
    known = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    named = rf"({known}|{_NAME})(?::([^{{}}]*))?" if known else rf"({_NAME})(?::([^{{}}]*))?"
    return re.compile(rf"\{{(\{{{named}\}})\}}|\{{{named}\}}")


def _flag(style: str, path: KeyPath, value: Json) -> Iterator[str]:
    plain = ".".join(map(str, path))
    if style == "space" and isinstance(value, str) and value.startswith("-"):
        # Apart from its flag, such a text would be taken for another flag.
        yield f"--{plain}={value}"
    elif style == "space":
        yield f"--{plain}"
        scalars = isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)
        yield from map(value_text, value) if scalars else (value_text(value),)
    else:
        yield f"{'--' if style == 'equals' else ''}{plain}={value_text(value)}"


def _values(tree: Json, at: KeyPath = KeyPath()) -> Iterator[tuple[KeyPath, Json]]:
    """Yield each value of a tree; a list is one value, as it is one flag."""
    if not isinstance(tree, dict):
        yield at, tree
        return
    for key, below in tree.items():
        yield from _values(below, at.child(key))
