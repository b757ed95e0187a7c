"""Between the shells and click: what each shell hands over, and how it wants its candidates.

click's own scripts split words at `:` and `=` in bash, which paths such as
`config.yaml:model.lr=0.1` are full of, and always put a space behind a candidate. So each
shell has a script of ours (beside this file), which hands over whole words; what is
completed, and with what, stays click's.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import ClassVar, Final

from click.shell_completion import CompletionItem, ShellComplete

from confjob.cli.completing import VARIABLE
from confjob.cli.completing.words import Line, read_line, unquoted

__all__ = ["SHELLS", "complete_class", "respond", "script"]

_PROGRAM: Final = "confjob"
#: Longer candidates push their descriptions out of line, not those of all others.
_WIDEST: Final = 40
#: What bash would take for more than a letter.
_SPECIAL: Final = re.compile(r"([\s\\'\"`$&|;<>()\[\]{}*?!#~^])")


def respond(instruction: str) -> str:
    """Return what a shell asks for: `SHELL_source` or `SHELL_complete`."""
    from confjob.cli import confjob

    shell, _, what = instruction.partition("_")
    complete = complete_class(shell)(confjob, {}, _PROGRAM, VARIABLE)
    return complete.source() if what == "source" else complete.complete() + "\n"


def complete_class(shell: str) -> type[ShellComplete]:
    """Return how a shell is served; raises `KeyError` for one that is not."""
    return _CLASSES[shell]


def script(shell: str) -> str:
    """Return the script that a shell sources."""
    return Path(__file__).with_name(f"confjob.{shell}").read_text(encoding="utf-8")


class _Whole(ShellComplete):
    """Completion of whole words: what is offered begins with what is typed, `--set=` included."""

    shell: ClassVar[str]

    def source(self) -> str:
        """Return the shell's script."""
        return script(self.shell)

    def line(self) -> Line:
        """Return the words before the cursor, which the script gives a line each, and the one at it."""
        words = os.environ.get("COMP_WORDS", "").split("\n")
        return Line(words=words, incomplete=unquoted(os.environ.get("COMP_CWORD", "")))

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the arguments before the cursor, and the word at it."""
        line = self.line()
        return line.words[1:], line.incomplete

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        """Return the candidates as whole words; options where nothing else can stand."""
        if "--" in args:
            return [CompletionItem(incomplete, type="file")]
        option, joined, value = incomplete.partition("=") if incomplete.startswith("--") else ("", "", "")
        if joined:
            return [_rejoined(option, each) for each in super().get_completions([*args, option], value)]
        found = super().get_completions(args, incomplete)
        # What follows an option may be its value.
        asked = incomplete or (args and args[-1].startswith("-"))
        return found if found or asked else super().get_completions(args, "-")


def _rejoined(option: str, found: CompletionItem[str]) -> CompletionItem[str]:
    value = f"{option}={found.value}" if found.type == "plain" else found.value
    return CompletionItem(value, type=found.type, help=found.help, open_end=found.open_end)


class _Bash(_Whole):
    """bash replaces what stands behind the last `:` or `=`, so it must get no more than that."""

    shell = "bash"

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the arguments before the cursor, and the word at it."""
        self._line = read_line(os.environ.get("COMP_LINE", ""))
        return self._line.words[1:], self._line.incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return `type,text`, the text quoted, with the space that is to follow it."""
        if item.type != "plain":
            return f"{item.type},"
        quote = self._line.quote
        kept = "" if quote else _before_break(self._line.incomplete)
        text = item.value.removeprefix(kept)
        # Behind an open quote all but the quote itself stands for itself; bash closes it.
        return (
            f"plain,{text}"
            if quote
            else f"plain,{_SPECIAL.sub(_backslash, text)}{'' if item.open_end else ' '}"
        )


class _Zsh(_Whole):
    """zsh quotes what it inserts by itself, and shows a line of ours for each candidate."""

    shell = "zsh"

    def complete(self) -> str:
        """Return three lines for each candidate: type, text, what is shown."""
        found = self.get_completions(*self.get_completion_args())
        width = min(max((len(each.value) for each in found), default=0), _WIDEST)
        room = int(os.environ.get("COLUMNS") or 80) - 2
        return "\n".join(f"{_kind(each)}\n{each.value}\n{_shown(each, width, room)}" for each in found)


class _Fish(_Whole):
    """fish wants a tab before the description; `=` and `:` at an end get no space from it."""

    shell = "fish"

    def format_completion(self, item: CompletionItem[str]) -> str:
        """Return `type,text` and the description."""
        if item.type != "plain":
            return f"{item.type},"
        return f"plain,{item.value}\t{item.help}" if item.help else f"plain,{item.value}"


def _before_break(word: str) -> str:
    """Return the part of a word that bash leaves alone: that up to the last of its word breaks."""
    breaks = [char for char in "=:" if char in os.environ.get("COMP_BREAKS", "")]
    return word[: max((word.rfind(char) for char in breaks), default=-1) + 1]


def _backslash(found: re.Match[str]) -> str:
    return f"\\{found[1]}"


def _kind(found: CompletionItem[str]) -> str:
    return "open" if found.type == "plain" and found.open_end else str(found.type)


def _shown(found: CompletionItem[str], width: int, room: int) -> str:
    text = f"{found.value:<{width}}  -- {found.help}" if found.help else found.value
    return text if len(text) <= room else f"{text[: room - 1]}…"


_CLASSES: Final[dict[str, type[_Whole]]] = {each.shell: each for each in (_Bash, _Zsh, _Fish)}

#: The shells that are served.
SHELLS: Final = tuple(_CLASSES)
