"""How people start the scripts already: command lines in the README, the Makefile and shell scripts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Final

from attrs import frozen

__all__ = ["Said", "said_commands"]

_LARGEST: Final = 1 << 18
_STARTS: Final = re.compile(
    r"^\W*(?:[A-Z_]+=\S+\s+)*(?:(?:uv|poetry|pdm|hatch|pixi)\s+run\s+)?(?:python3?|accelerate|torchrun|deepspeed)\s"
)


@frozen(kw_only=True)
class Said:
    """A command line that a file of the project has, and where."""

    words: tuple[str, ...]
    where: str

    def value_of(self, flag: str) -> str | None:
        """Return what follows a flag, if it is there."""
        for number, word in enumerate(self.words):
            if word == flag and number + 1 < len(self.words):
                return self.words[number + 1]
            if word.startswith(f"{flag}="):
                return word.partition("=")[2]
        return None


def said_commands(root: Path, names: Sequence[PurePosixPath]) -> list[Said]:
    """Return the command lines that start Python in the project's prose and scripts."""
    told = [name for name in names if _tells(name)]
    return [said for name in told for said in _lines(root, name)]


def _tells(name: PurePosixPath) -> bool:
    return (
        name.suffix == ".sh"
        or name.name in ("Makefile", "justfile")
        or name.name.lower().startswith("readme")
    )


def _lines(root: Path, name: PurePosixPath) -> Iterator[Said]:
    try:
        if (root / name).stat().st_size > _LARGEST:
            return
        text = (root / name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    number = 0
    for joined in re.sub(r"\\\n", lambda _: " \x00", text).split("\n"):
        number += 1
        line = joined.replace("\x00", " ")
        if _STARTS.match(line):
            yield from _said(line, f"{name}:{number}")
        number += joined.count("\x00")


def _said(line: str, where: str) -> Iterator[Said]:
    try:
        words = shlex.split(line.lstrip(" \t$`>@%*-"), comments=True)
    except ValueError:
        return
    yield Said(words=tuple(word.rstrip("`") for word in words), where=where)
