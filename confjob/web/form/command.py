"""The same launch as a command line, to be copied into a terminal or a script.

Every word that is more than letters is quoted, a secret is never in it, and what no argument
can say is told in a remark rather than said wrongly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from attrs import frozen

from confjob.form import Form, Override
from confjob.keypath import PathSyntaxError
from confjob.override import parse_set
from confjob.pipeline import Request
from confjob.pipeline.launching import Label
from confjob.quote import quote
from confjob.tree import MISSING
from confjob.web.form.spelling import typed_text

__all__ = ["CommandLine", "command_line_of", "set_words"]

_OPTION = re.compile(r"--[a-z-]*")
_BARE = re.compile(r"[A-Za-z0-9_./:@%,+=][A-Za-z0-9_./:@%,+=-]*")


@frozen(kw_only=True)
class CommandLine:
    """A command line, and what is not in it.

    Args:
        text: The line; it may have several, joined as a shell joins them.
        remarks: What it leaves out.
    """

    text: str
    remarks: tuple[str, ...] = ()


def command_line_of(
    form: Form, request: Request, label: Label, verb: Sequence[str] = ("launch",)
) -> CommandLine:
    """Return the command that asks for what a form asks for.

    Args:
        form: The form.
        request: What is asked; only what is data in it (`overrides`) is looked at, not texts.
        label: What the run is called.
        verb: The verb, and what stands right behind it in place of the job's name.
    """
    words = [list(verb) if len(verb) > 1 else [*verb, request.job]]
    remarks: list[str] = []
    for override in request.overrides:
        said = set_words(form, override)
        if isinstance(said, str):
            remarks.append(said)
        else:
            words.append(said)
    words += ([f"--file={name}={path}"] for name, path in request.files.items())
    words += [[f"--target={request.target}"]] if request.target else []
    words += [[f"--priority={request.priority}"]] if request.priority else []
    words += [[f"--name={label.name}"]] if label.name else []
    words += ([f"--tag={tag}"] for tag in label.tags)
    words += [[f"--note={label.note}"]] if label.note else []
    words += [["--", *request.extra]] if request.extra else []
    lines = [" ".join(map(_word, part)) for part in words if "\0" not in "".join(part)]
    if len(lines) < len(words):
        remarks.append("what holds a NUL character is left out: no command line can carry it")
    first, *rest = lines
    return CommandLine(text=" \\\n  ".join([f"confjob {first}", *rest]), remarks=tuple(remarks))


def set_words(form: Form, override: Override) -> list[str] | str:
    """Return the option that asks for what `override` asks for, or a remark where none can.

    Args:
        form: The form that it was made in.
        override: A request of the form; it names its input.
    """
    name = override.input or ""
    place = f"{name}:{override.path}"
    value = override.value if override.text is None else override.text
    if override.operation != "delete" and form.is_secret(name, override.path, value):
        return f"{place} is left out: it is a secret, and a command line is no place for one"
    text = override.text
    if text is None and override.value is not MISSING:
        schema = {} if override.any_type else form.field(name, override.path).schema
        text = typed_text(override.value, schema)
        if text is None:
            return f"{place} is left out: no text reads as its value"
    left = f"{_escaped(name)}:{override.path}"
    ends = {"set": f"{left}={text}", "add": f"+{left}={text}", "delete": f"{left}-"}
    words = ["--set-any" if override.any_type else "--set", ends[override.operation]]
    return words if _means(words[1], override) else f"{place} is left out: no option can name it"


def _means(text: str, override: Override) -> bool:
    """Whether a `--set` argument is read as the request that it is made of."""
    try:
        read = parse_set(text)
    except PathSyntaxError:
        return False
    return (read.input, read.path, read.operation) == (override.input, override.path, override.operation)


def _escaped(name: str) -> str:
    return "".join("\\" + char if char in "\\:=+" else char for char in name)


def _word(text: str) -> str:
    """Return a word in quotes if it needs them; of an option that carries its value, the value alone."""
    option, parted, value = text.partition("=")
    if _OPTION.fullmatch(option):
        return f"{option}={_quoted(value)}" if parted else option
    return _quoted(text)


def _quoted(text: str) -> str:
    return text if _BARE.fullmatch(text) else quote(text)
