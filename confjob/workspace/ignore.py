"""`.gitignore` files read without git, for projects that are in no usable repository.

Where git works it names the files itself and this module only says which untracked folders
nobody wants in a snapshot (`is_cache`). Known limits of the reading: global excludes,
`.git/info/exclude` and `core.ignoreCase` are not honoured, and neither are named character
classes (`[[:alpha:]]`).
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from attrs import frozen

__all__ = ["Rule", "is_cache", "is_ignored", "read_rules"]

_NOT_FILES = frozenset({".git", ".hg", ".svn", ".confjob", ".venv", "venv", "node_modules", ".DS_Store"})
_TOOLS = frozenset({".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis", ".tox", ".nox", ".eggs"})
_CACHES = _NOT_FILES | _TOOLS | {"__pycache__", ".ipynb_checkpoints"}
_CACHE_PATTERNS = ("*.pyc", "*.pyo", "*.egg-info")
_TOKEN = re.compile(
    r"""(?P<folders>(?<![^/])\*\*/)     # any number of folders, none included
      | (?P<all>(?<=/)\*\*\Z)           # everything below
      | (?P<star>\*+)
      | (?P<any>\?)
      | \[(?P<not>[!^]?)(?P<set>(?:\]|\\.|[^]\\])(?:\\.|[^]\\])*)\]
      | \\?(?P<plain>.)""",
    re.VERBOSE | re.DOTALL,
)
_SPAN = re.compile(r"\\?(.)(?:-\\?(.))?", re.DOTALL)
_REGEX = {"folders": "(?:[^/]+/)*", "all": ".+", "star": "[^/]*", "any": "[^/]"}


def is_cache(name: str) -> bool:
    """Whether a file or folder called `name` is never worth a copy: caches, environments, state."""
    return name in _CACHES or any(fnmatchcase(name, pattern) for pattern in _CACHE_PATTERNS)


@frozen
class Rule:
    """One line of a `.gitignore` file that stands in `folder` (`""` or `a/b/`)."""

    folder: str
    regex: re.Pattern[str]
    negated: bool
    only_folders: bool

    def speaks_of(self, path: str, *, is_folder: bool) -> bool:
        """Whether the rule matches `path`, which lies below its folder."""
        if self.only_folders and not is_folder:
            return False
        return self.regex.fullmatch(path, len(self.folder)) is not None


def read_rules(text: str, folder: str = "") -> tuple[Rule, ...]:
    """Return the rules of a `.gitignore` file's `text`, in order; lines git would not obey are left out."""
    rules = (_rule(line.removesuffix("\r"), folder) for line in text.split("\n"))
    return tuple(rule for rule in rules if rule is not None)


def is_ignored(rules: tuple[Rule, ...], path: str, *, is_folder: bool) -> bool:
    """Whether the last rule that speaks of `path` says so.

    Args:
        rules: Those of all folders from the top down to the path's own.
        path: Relative to the top, none of its parents ignored.
        is_folder: Whether a folder stands there.
    """
    for rule in reversed(rules):
        if rule.speaks_of(path, is_folder=is_folder):
            return not rule.negated
    return False


def _rule(line: str, folder: str) -> Rule | None:
    pattern = re.sub(r"(?<!\\) +\Z", "", line)
    if not pattern or pattern.startswith("#"):
        return None
    negated = pattern.startswith("!")
    pattern = pattern[1:] if negated else pattern
    only_folders = pattern.endswith("/")
    pattern = pattern[:-1] if only_folders else pattern
    if not pattern:
        return None
    anywhere = "" if "/" in pattern else "(?:[^/]+/)*"
    regex = re.compile(anywhere + _translated(pattern.removeprefix("/")), re.DOTALL)
    return Rule(folder, regex, negated, only_folders)


def _translated(pattern: str) -> str:
    return "".join(map(_token, _TOKEN.finditer(pattern)))


def _token(match: re.Match[str]) -> str:
    if match[0] == "[":  # never closed: git takes such a line to match nothing
        return "(?!)"
    if match["plain"] is not None:
        return re.escape(match["plain"])
    if match["set"] is not None:
        spans = "".join(map(_span, _SPAN.finditer(match["set"])))
        return f"[^/{spans}]" if match["not"] else f"(?!/)[{spans}]"
    return _REGEX[match.lastgroup or "any"]


def _span(match: re.Match[str]) -> str:
    """Return a character of a set, or a span of them; one from high to low is its first, as for git."""
    first, last = match[1], match[2] or ""
    return f"{re.escape(first)}-{re.escape(max(first, last))}"
