"""Text files of the project, read so that everything about their bytes can be put back.

Formats see text with plain line feeds and no byte-order mark; this module remembers
what was there (CRLF, mixed endings, BOM) and restores it, so that no format has to.
It is also the one place that decides whether a path lies inside the project.
"""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path, PurePosixPath

from attrs import frozen

from confjob.errors import InputError

__all__ = ["TextFile", "contained", "decode"]

_BOM = "\ufeff"


@frozen
class TextFile:
    """A decoded file: `text` for formats, `raw` as it stands on disk."""

    raw: str

    @property
    def text(self) -> str:
        """The content with line feeds only and without a byte-order mark."""
        return self.raw.removeprefix(_BOM).replace("\r\n", "\n")

    def restore(self, text: str) -> str:
        """Return `text`, an edited form of `self.text`, in this file's own bytes.

        Lines that did not change keep the ending they had; new ones get the ending
        most lines of the file have.
        """
        bom = _BOM if self.raw.startswith(_BOM) else ""
        crlf = self.raw.count("\r\n")
        if not crlf:
            return bom + text
        if crlf == self.raw.count("\n"):
            return bom + text.replace("\n", "\r\n")
        return bom + _endings_kept(self.raw.removeprefix(_BOM), text, crlf)


def decode(content: bytes, name: object) -> TextFile:
    """Decode UTF-8 `content`; `name` is what messages call the file.

    Raises:
        InputError: Naming the line and column of the first byte that is not UTF-8.
    """
    try:
        return TextFile(content.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        before = content[content.rfind(b"\n", 0, error.start) + 1 : error.start]
        column = len(before.decode("utf-8")) + 1
        raise InputError(
            f"{name}:{line}:{column}: byte 0x{content[error.start]:02x} is not UTF-8",
            hint="save the file as UTF-8",
        ) from None


def contained(root: Path, path: str | PurePosixPath) -> Path:
    """Return the absolute path of project file `path`, symlinks resolved.

    Raises:
        InputError: When it is absolute, leads out of `root` (by `..` or a symlink),
            is missing, or is not a regular file.
    """
    if PurePosixPath(path).is_absolute():
        raise InputError(f"{path}: an absolute path", hint="name config files relative to the project root")
    real_root = root.resolve()
    real = _resolved(real_root / path, path)
    if not real.is_relative_to(real_root):
        link = " through a symlink" if ".." not in PurePosixPath(path).parts else ""
        raise InputError(f"{path}: lies outside the project{link}", hint=f"the project is {real_root}")
    if not real.is_file():
        raise InputError(f"{path}: {'is not a file' if real.exists() else 'no such file'}")
    return real


def _resolved(path: Path, name: object) -> Path:
    try:
        real = path.resolve()
        real.stat()
    except FileNotFoundError:
        return real
    except (OSError, RuntimeError, ValueError) as error:
        # A loop of symlinks, a name too long, a null byte: whatever the system can't follow.
        raise InputError(f"{name}: {getattr(error, 'strerror', None) or error}") from None
    return real


def _endings_kept(raw: str, text: str, crlf: int) -> str:
    old, new = raw.split("\n"), text.split("\n")
    # What follows the last line feed is no line: it has no ending to keep or to get.
    rest = new.pop()
    bare = [line.removesuffix("\r") for line in old[:-1]]
    usual = "\r" if 2 * crlf >= len(bare) else ""
    out = [line + usual for line in new]
    for start, at, size in _unchanged(bare, new):
        out[at : at + size] = old[start : start + size]
    return "".join(f"{line}\n" for line in out) + rest


def _unchanged(old: list[str], new: list[str]) -> Iterator[tuple[int, int, int]]:
    """Yield (start in `old`, start in `new`, size) of the runs of lines that both have.

    Equal lines at both ends are matched first: a search over all lines would match lines
    that say the same, and is slow where many do.
    """
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    most = shorter - head
    tail = next((i for i in range(most) if old[-1 - i] != new[-1 - i]), most)
    yield 0, 0, head
    yield len(old) - tail, len(new) - tail, tail
    matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    yield from ((head + start, head + at, size) for start, at, size in matcher.get_matching_blocks())
