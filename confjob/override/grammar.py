"""Reading requests: the `--set` grammar, and files of overrides (`--inputs`).

`[INPUT:]path=value` sets, `+path=value` adds a key, `path-` deletes one. Nothing here
looks at a form: what a request means is decided later, against all documents at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from confjob.errors import InputError
from confjob.form import Override
from confjob.keypath import KeyPath, PathSyntaxError, split_input
from confjob.model import Document, JobSpec
from confjob.tree import Json

__all__ = ["from_document", "parse_set", "words_from"]

#: The parts of W&B Launch's `overrides` that are inputs, and those that are the command.
_WANDB = frozenset({"run_config", "files"})
_WANDB_COMMAND = frozenset({"args", "entry_point"})


def parse_set(text: str, said: str = "--set", *, any_type: bool = False) -> Override:
    r"""Read one `--set` argument.

    Raises:
        PathSyntaxError: When it has no `=`, or the path is malformed.

    Example:
        >>> parse_set("config.yaml:model.lr=1e-3").text
        '1e-3'
        >>> parse_set("model.dropout-").operation
        'delete'
    """
    left, found, value = _split_value(text)
    if found:
        return _target(left, said, text=value, any_type=any_type)
    if _deletes(left):
        return _target(left[:-1], said, operation="delete")
    raise PathSyntaxError(f"{text!r}: write path=value, +path=value to add a key, or path- to delete one")


def from_document(job: JobSpec, document: Document, said: str) -> Iterator[Override]:
    """Yield the overrides that a file holds, each with the line it stands on.

    Three layouts are read: by input (`{"config.yaml": {"lr": 0.1}}`), by path
    (`{"config.yaml:lr": 0.1}`, with `+` and `-` as in `--set`), and W&B Launch's
    (`{"overrides": {"run_config": …, "files": …}}`).

    Raises:
        InputError: When the file is not a mapping, a path in it is malformed, or W&B's layout
            asks for what is no input.
    """
    if not isinstance(document.tree, dict):
        raise InputError(f"{said}: overrides must be a mapping of inputs or paths to values")
    for key, value in document.tree.items():
        at = KeyPath((key,))
        parts = _wandb_parts(job, document, at, said)
        if parts:
            for part in parts:
                yield from _wandb(document, part, said)
        elif (spec := job.input(key)) is not None and isinstance(value, dict):
            yield from _nested(document, at, KeyPath(), spec.input, said)
        else:
            yield from _by_path(document, at, key, said)


def _wandb_parts(job: JobSpec, document: Document, at: KeyPath, said: str) -> list[KeyPath]:
    """Return where `run_config` and `files` of W&B's layout stand at or below a top-level key."""
    name, value = str(at[0]), document.nodes[at].value
    if job.input(name) is not None or not isinstance(value, dict):
        return []
    if name in _WANDB:
        return [at]
    if not _is_wandb(name, value):
        return []
    unread = [key for key, item in value.items() if key not in _WANDB | _WANDB_COMMAND and item]
    if unread:
        line = _line(document, at.child(unread[0]), said)
        known = ", ".join(sorted(_WANDB | _WANDB_COMMAND))
        raise InputError(
            f"{line}: 'overrides.{unread[0]}' is no input of a job", hint=f"of overrides are read: {known}"
        )
    return [at.child(key) for key in value if key in _WANDB]


def _is_wandb(name: str, value: Json) -> bool:
    """Whether a top-level key is the `overrides` of W&B's launch config."""
    known = _WANDB | _WANDB_COMMAND
    return name == "overrides" and isinstance(value, dict) and not known.isdisjoint(value)


def words_from(job: JobSpec, document: Document, said: str) -> tuple[list[str], list[str]]:
    """Return the `entry_point` and the `args` of W&B's launch config; empty where it has none.

    Raises:
        InputError: When one is there and is not a list of texts, or the job is a function.
    """
    tree = document.tree
    value = tree.get("overrides") if isinstance(tree, dict) else None
    if job.input("overrides") is not None or not _is_wandb("overrides", value):
        return [], []
    entry, args = (_words(document, key, said) for key in ("entry_point", "args"))
    if job.command is None and (entry or args):
        at = KeyPath(("overrides", "entry_point" if entry else "args"))
        raise InputError(f"{_line(document, at, said)}: a function job has no command to change")
    return entry, args


def _words(document: Document, key: str, said: str) -> list[str]:
    at = KeyPath(("overrides", key))
    words = document.nodes[at].value if at in document.nodes else None
    if words is not None and not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise InputError(f"{_line(document, at, said)}: '{key}' must be a list of texts")
    return words or []


def _wandb(document: Document, at: KeyPath, said: str) -> Iterator[Override]:
    value = document.nodes[at].value
    if value is None:
        return
    if at[-1] == "run_config":
        yield from _merged(document, at, "run-config", said)
    elif isinstance(value, dict):
        for name in value:
            if value[name] is not None:
                yield from _merged(document, at.child(name), name, said)
    else:
        raise InputError(f"{_line(document, at, said)}: 'files' must be a mapping of files to their values")


def _merged(document: Document, at: KeyPath, input_name: str, said: str) -> Iterator[Override]:
    """Yield what W&B would merge: an empty mapping changes nothing there."""
    asked = _nested(document, at, KeyPath(), input_name, said)
    return (override for override in asked if override.value != {})


def _by_path(document: Document, at: KeyPath, key: str, said: str) -> Iterator[Override]:
    """Yield what a key written as in `--set` asks for."""
    line = _line(document, at, said)
    try:
        parsed = _named(key, said)
    except PathSyntaxError as error:
        raise InputError(f"{line}: {error}") from None
    if parsed.operation == "set":
        yield from _nested(document, at, parsed.path, parsed.input, said)
    else:
        value = document.nodes[at].value
        yield Override(
            path=parsed.path, input=parsed.input, operation=parsed.operation, value=value, said=line
        )


def _named(key: str, said: str) -> Override:
    """Return the request that a key of a file stands for, without its value."""
    if _deletes(key):
        return _target(key[:-1], said, operation="delete")
    left, found, _ = _split_value(key)
    if found:
        raise PathSyntaxError(f"{key!r}: an '=' in a path is written '\\='")
    return _target(left, said)


def _nested(
    document: Document, at: KeyPath, path: KeyPath, input_name: str | None, said: str
) -> Iterator[Override]:
    """Yield an override for each value below `at`: mappings are merged, lists replaced."""
    value = document.nodes[at].value
    if isinstance(value, Mapping) and (value or not path):
        for key in value:
            yield from _nested(document, at.child(key), path.child(key), input_name, said)
    else:
        yield Override(path=path, input=input_name, value=value, said=_line(document, at, said))


def _line(document: Document, at: KeyPath, said: str) -> str:
    where = document.where(at)
    return f"{said}:{where.line}" if where else said


def _deletes(left: str) -> bool:
    """Whether a path ends in a minus that no backslash makes literal."""
    stem = left.removesuffix("-")
    return stem != left and (len(stem) - len(stem.rstrip("\\"))) % 2 == 0


def _split_value(text: str) -> tuple[str, bool, str]:
    """Split at the first `=` that is not escaped."""
    position = 0
    while position < len(text) and text[position] != "=":
        position += 2 if text[position] == "\\" else 1
    return text[:position], position < len(text), text[position + 1 :]


def _target(
    left: str, said: str, operation: str = "set", text: str | None = None, *, any_type: bool = False
) -> Override:
    adds = left.startswith("+")
    input_name, path_text = split_input(left.removeprefix("+"))
    if path_text.startswith("+") and not adds:
        adds, path_text = True, path_text[1:]
    if adds and operation == "delete":
        raise PathSyntaxError(f"'{left}-': a plus adds and a final minus deletes; write \\+ or \\- in a key")
    path = KeyPath.parse(path_text)
    if not path:
        raise PathSyntaxError(f"{left!r}: the path is empty; name the value to change")
    return Override(
        path=path,
        input=input_name,
        operation="add" if adds else "delete" if operation == "delete" else "set",
        text=text,
        any_type=any_type,
        said=said,
    )
