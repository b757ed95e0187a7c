"""The command a run starts: placeholders filled, flags and extra arguments appended.

`{config}` is the path of the file input called `config`; `{run-config:seed}` the value
at `seed` in the run config. Braces around anything else (JSON on a command line) stay
as they are; `{{config}}` is a literal `{config}`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from attrs import evolve

from confjob.form import Form, Word
from confjob.keypath import KeyPath, PathSyntaxError
from confjob.model import Delivery, Document, Flag, Problem, RunFile
from confjob.render.flags import FlagWords, flag_words, is_default, styled
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
    said = filler.flags() if form.job.deliver == "flags" else FlagWords()
    words.extend(said.flags)
    words.extend(extra)
    if said.arguments:
        # After a `--` nothing is a flag, whatever it looks like; so nothing may come after them.
        words.extend(("--", *said.arguments))
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

    def flags(self) -> FlagWords:
        """Return the run config as flags: as the job declares them, else in its general style."""
        spec = next((spec for spec in self.job.inputs if spec.kind == "run-config"), None)
        if spec is None:
            return FlagWords()
        tree = self.documents[spec.input].tree
        own = flag_words(self._public(spec.flags, tree), tree)
        for path, error in own.problems.items():
            self.problem(f"'{path}' {error}", error.hint)
        own_paths = {flag.path for flag in spec.flags}
        return evolve(own, flags=(*own.flags, *self._in_general_style(tree, own_paths)))

    def _public(self, flags: Iterable[Flag], tree: Json) -> Iterator[Flag]:
        """Yield the flags whose values may stand in a command; the others become problems."""
        for flag in flags:
            value = get(tree, flag.path)
            if not (value is MISSING or is_default(flag, value)) and self._is_secret(flag.path, value):
                continue
            yield flag

    def _in_general_style(self, tree: Json, own: Collection[KeyPath]) -> Iterator[str]:
        present = self.form.documents["run-config"].tree
        for path, value in _values(tree, own):
            if path in own or self._is_secret(path, value):
                continue
            if value is not None:
                yield from styled(self.job.flag_style, path, value)
            elif get(present, path) not in (None, MISSING):
                # Left out, the job would take its own default and nobody would know.
                self.problem(f"'{path}' can't be null in a flag", f"--set {path}- leaves the flag out")

    def _is_secret(self, path: KeyPath, value: Json) -> bool:
        secret = self.form.is_secret("run-config", path, value)
        if secret:
            hint = 'deliver = "file", and read it with load_config(); or let the job read its environment'
            self.problem(f"'{path}' is secret and can't be delivered as a flag", hint)
        return secret

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


def _values(
    tree: Json, whole: Collection[KeyPath], at: KeyPath = KeyPath()
) -> Iterator[tuple[KeyPath, Json]]:
    """Yield each value of a tree; a list is one value, as it is one flag, and so is what has its own."""
    if not isinstance(tree, dict) or at in whole:
        yield at, tree
        return
    for key, below in tree.items():
        yield from _values(below, whole, at.child(key))
