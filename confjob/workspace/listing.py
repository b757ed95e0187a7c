"""Which files of the project belong to a snapshot, and what the job will not see.

git only *names* files: those it tracks and those that are neither tracked nor ignored. Their
bytes are read from the working tree later, because git's own objects would lose CRLF, filters
and submodules. Nested repositories are asked by their own rules, and a folder without a usable
git is walked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

from attrs import field, frozen

from confjob.workspace.gitcmd import ask_git
from confjob.workspace.ignore import Rule, is_cache, is_ignored, read_rules

__all__ = ["Listing", "list_project"]

#: Ignored files that a package beside them imports: `_version.py`, extensions built in place.
#: Without them the workspace's copy of the package could not be imported.
_GENERATED_CODE = (".py", ".so")

Skip = Callable[[str], bool]


@frozen(kw_only=True)
class Listing:
    """The project's files by name, and what git knows of the project.

    Args:
        names: Relative to the project root, sorted, without duplicates; a name may have
            vanished or be no file.
        ignored: What is left out because the project's rules ignore it; folders end in `/`.
        commit: The commit that is checked out, where there is one.
        dirty: Whether anything in the project differs from that commit.
        prefix: The project root, relative to the repository's top.
    """

    names: tuple[str, ...]
    ignored: tuple[str, ...] = ()
    commit: str | None = None
    dirty: bool = False
    prefix: PurePosixPath = field(factory=PurePosixPath)


def list_project(root: Path, hidden: Collection[PurePosixPath] = ()) -> Listing:
    """Return the files of the project at `root`.

    Args:
        root: The resolved project root.
        hidden: Files and folders that are left out unmentioned: the state, linked folders.
    """
    skip = _skipper(hidden)
    names = _named_by_git(root, skip)
    if not names:  # no git, or a project inside a folder that some outer repository ignores
        walked, left_out = _walked(root, skip)
        return Listing(names=tuple(sorted(walked)), ignored=tuple(sorted(left_out)))
    status = _Status.ask(root)
    left_out = {name for name in status.ignored if not _passed_over(name, skip)}
    generated = _generated_code(names, left_out)
    return Listing(
        names=tuple(sorted(names | generated)),
        ignored=tuple(sorted(name for name in left_out - generated if _is_worth_telling(name))),
        commit=status.commit,
        dirty=status.dirty,
        prefix=status.prefix,
    )


def _skipper(hidden: Collection[PurePosixPath]) -> Skip:
    exact = frozenset(str(path) for path in hidden)
    below = tuple(f"{path}/" for path in exact)
    return lambda name: name.rstrip("/") in exact or name.startswith(below)


def _passed_over(name: str, skip: Skip) -> bool:
    return skip(name) or any(map(is_cache, name.rstrip("/").split("/")))


def _is_worth_telling(name: str) -> bool:
    return name.endswith("/") or "/" not in name


def _named_by_git(folder: Path, skip: Skip, base: str = "") -> set[str]:
    output = ask_git(folder, "ls-files", "-z", "-t", "--cached", "--others", "--exclude-standard")
    records = (output or b"").split(b"\0")[:-1]
    cached = {os.fsdecode(record[2:]) for record in records if record[:1] != b"?"}
    others = [os.fsdecode(record[2:]) for record in records if record[:1] == b"?"]
    names: set[str] = set()
    for name in (*cached, *_without_environments(others)):
        full = base + name
        if skip(full) or (name not in cached and _passed_over(full, skip)):
            continue
        names |= _named(folder / name, full, skip)
    return names


def _named(place: Path, name: str, skip: Skip) -> set[str]:
    """Return `name`, or what is below it where a submodule or another repository stands."""
    if not place.is_dir() or place.is_symlink():
        return {name}
    below = name.rstrip("/") + "/"
    own = _named_by_git(place, skip, below) if (place / ".git").exists() else set()
    return own or _walked(place, skip, below)[0]


def _without_environments(names: list[str]) -> Iterator[str]:
    """Yield `names` but for those in virtual environments that nobody told git to ignore."""
    homes = tuple(name.removesuffix("pyvenv.cfg") for name in names if name.endswith("/pyvenv.cfg"))
    return (name for name in names if not name.startswith(homes)) if homes else iter(names)


def _walked(top: Path, skip: Skip, base: str = "") -> tuple[set[str], set[str]]:
    """Return the names below `top` that no `.gitignore` ignores, and the ignored ones."""
    names: set[str] = set()
    left_out: set[str] = set()
    folders: list[tuple[str, tuple[Rule, ...]]] = [("", ())]
    while folders:
        folder, outer = folders.pop()
        rules = outer + read_rules(_text(top / folder / ".gitignore"), folder)
        for entry in _entries(top / folder):
            name, is_folder = folder + entry.name, entry.is_dir(follow_symlinks=False)
            if is_cache(entry.name) or skip(base + name) or _is_environment(entry, is_folder=is_folder):
                continue
            if is_ignored(rules, name, is_folder=is_folder):
                left_out.add(base + name + "/" * is_folder)
            elif is_folder:
                folders.append((name + "/", rules))
            else:
                names.add(base + name)
    return names, {name for name in left_out if _is_worth_telling(name)}


def _entries(folder: Path) -> Iterable[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:
        return ()


def _text(path: Path) -> str:
    try:
        return os.fsdecode(path.read_bytes())
    except OSError:
        return ""


def _is_environment(entry: os.DirEntry[str], *, is_folder: bool) -> bool:
    return is_folder and os.path.lexists(f"{entry.path}/pyvenv.cfg")


def _generated_code(names: set[str], left_out: set[str]) -> set[str]:
    """Return ignored modules that lie beside modules of the project."""
    packages = {name.rpartition("/")[0] for name in names if name.endswith(".py")}
    code = {name for name in left_out if name.endswith(_GENERATED_CODE)}
    return {name for name in code if name.rpartition("/")[0] in packages}


@frozen(kw_only=True)
class _Status:
    """`git status`, of the project alone."""

    commit: str | None = None
    dirty: bool = False
    prefix: PurePosixPath = field(factory=PurePosixPath)
    ignored: tuple[str, ...] = ()

    @classmethod
    def ask(cls, root: Path) -> _Status:
        prefix = os.fsdecode(ask_git(root, "rev-parse", "--show-prefix") or b"").removesuffix("\n")
        output = ask_git(
            root, "status", "--porcelain=v2", "-z", "--branch", "--ignored", "--no-renames",
            "--untracked-files=normal", "--", ".",
        )  # fmt: skip
        if output is None:
            return cls(prefix=PurePosixPath(prefix))
        records = [os.fsdecode(record) for record in output.split(b"\0")[:-1]]
        oid = next((record[13:] for record in records if record.startswith("# branch.oid ")), "(initial)")
        return cls(
            commit=None if oid == "(initial)" else oid,
            dirty=any(not record.startswith(("#", "!")) for record in records),
            prefix=PurePosixPath(prefix),
            ignored=tuple(record[2:].removeprefix(prefix) for record in records if record.startswith("! ")),
        )
