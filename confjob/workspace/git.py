"""git as the job sees it: the commit at submit, with the uncommitted work and the patch on top.

Experiment trackers ask git for the commit and the diff. In a bare copy of files they would find
no repository, or worse the one that happens to surround the state folder. So each run has a git
directory of its own, which borrows the project's objects (`alternates`) and mirrors its index:
`git diff HEAD` shows there what it would show in the checkout, and the patch. What the job
commits stays in the run.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from confjob.workspace.gitcmd import ask_git

__all__ = ["private_git_dir", "without_credentials"]

#: Settings of the project's own repository that decide what counts as a change there. Anything
#: else (hooks, credentials, http headers) stays where it is.
_COPIED = re.compile(
    r"core\.(autocrlf|eol|safecrlf|filemode|symlinks|ignorecase|precomposeunicode|excludesfile|attributesfile)"
    r"|filter\..*|user\.(name|email)|remote\..*\.url",
    re.DOTALL,
)
_AUTHORITY = re.compile(r"([^/?#]*)([^?#]*).*", re.DOTALL)
#: Each file of the index as `TAG MODE OBJECT STAGE<tab>PATH`.
_STAGED = ("ls-files", "-z", "-t", "--stage", "--full-name", "--", ":/")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


def private_git_dir(
    root: Path, run_dir: Path, *, commit: str | None = None, as_committed: bool = False
) -> Path | None:
    """Make `git/` in `run_dir` for a workspace of the project at `root`.

    The project's repository is only read. Where the project is a folder of a larger repository,
    the rest of it, which the workspace lacks, is marked so that git does not miss it.

    Args:
        root: The project root.
        run_dir: The run's folder; it may still have a temporary name.
        commit: The commit that the snapshot was taken at; the checked-out one by default.
        as_committed: Mirror the commit instead of the index, which has gone on since.

    Returns:
        The git directory; None where the project is in no git, or has no commit yet.
    """
    head = commit or _line(root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    objects = _line(root, "rev-parse", "--git-path", "objects")
    if head is None or objects is None or not _COMMIT.fullmatch(head):
        return None
    place = run_dir.resolve() / "git"
    listed = ("ls-tree", "-r", "-z", "--full-tree", head) if as_committed else _STAGED
    if _begun(root, place, head, root / objects) and _indexed(root, place, listed):
        return place
    shutil.rmtree(place, ignore_errors=True)
    return None


def without_credentials(url: str) -> str:
    """Return the URL of a remote without user, password and query, any of which may be a secret.

    The user of an ssh address is part of the address.

    Example:
        >>> without_credentials("https://me:token@example.org/a.git?key=1")
        'https://example.org/a.git'
        >>> without_credentials("git@example.org:a.git")
        'git@example.org:a.git'
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        return url
    authority, path = _AUTHORITY.fullmatch(rest).groups()  # type: ignore[union-attr]  # matches all text
    user, at, host = authority.rpartition("@")
    kept = user.partition(":")[0] + at if "ssh" in scheme else ""
    return f"{scheme}://{kept}{host}{path}"


def _line(root: Path, *arguments: str) -> str | None:
    output = ask_git(root, *arguments)
    return None if output is None else os.fsdecode(output).removesuffix("\n")


def _begun(root: Path, place: Path, head: str, objects: Path) -> bool:
    format_ = ["--object-format=sha256"] if len(head) == 64 else []
    if ask_git(root, "init", "--quiet", "--bare", "--template=", *format_, str(place)) is None:
        return False
    (place / "objects/info").mkdir(parents=True, exist_ok=True)
    (place / "objects/info/alternates").write_bytes(os.fsencode(_c_quoted(str(objects.resolve())) + "\n"))
    with (place / "config").open("ab") as config:
        config.write(os.fsencode("[core]\n\tbare = false\n" + "".join(_settings(root))))
    for name in ("shallow", "info/exclude", "info/attributes"):
        _copy_from_project(root, name, place)
    return _private(place, "update-ref", "--no-deref", "HEAD", head) is not None


def _private(place: Path, *arguments: str, data: bytes = b"") -> bytes | None:
    # The working tree does not exist yet, and nothing here looks at it.
    return ask_git(place, f"--git-dir={place}", f"--work-tree={place}", *arguments, data=data)


def _copy_from_project(root: Path, name: str, place: Path) -> None:
    source = _line(root, "rev-parse", "--git-path", name)
    if source is not None and (root / source).is_file():
        (place / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(root / source, place / name)


def _settings(root: Path) -> Iterator[str]:
    output = ask_git(root, "config", "--local", "-z", "--list") or b""
    for record in output.split(b"\0")[:-1]:
        name, has_value, value = os.fsdecode(record).partition("\n")
        if has_value and _COPIED.fullmatch(name):
            yield _setting(name, without_credentials(value) if name.startswith("remote.") else value)


def _setting(name: str, value: str) -> str:
    section, _, rest = name.partition(".")
    subsection, dot, key = rest.rpartition(".")
    header = f"{section} {_quoted(subsection)}" if dot else section
    return f"[{header}]\n\t{key} = {_quoted(value)}\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _c_quoted(path: str) -> str:
    """Return `path` as a line of `alternates`, which git unquotes as C where it begins with a quote."""
    return _quoted(path) if re.search(r'[\n"\\]', path) else path


def _indexed(root: Path, place: Path, listing: Iterable[str]) -> bool:
    """Mirror the project's index, so that staged new files count as changes and untracked ones don't."""
    prefix = _line(root, "rev-parse", "--show-prefix") or ""
    listed = ask_git(root, *listing)
    if listed is None:
        return False
    records = [_as_staged(record) for record in listed.split(b"\0")[:-1]]
    entries = b"".join(record[2:] + b"\0" for record in records)
    if _private(place, "update-index", "-z", "--index-info", data=entries) is None:
        return False
    absent = b"".join(name + b"\0" for name in _absent(records, os.fsencode(prefix)))
    return _private(place, "update-index", "-z", "--skip-worktree", "--stdin", data=absent) is not None


def _as_staged(record: bytes) -> bytes:
    """Return `MODE TYPE OBJECT` of a tree as `H MODE OBJECT STAGE`, which the index has."""
    details, _, name = record.partition(b"\t")
    words = details.split(b" ")
    tree = len(words[0]) == 6  # `100644`, where the index has `H`
    return b"H %b %b 0\t%b" % (words[0], words[2], name) if tree else record


def _absent(records: Iterable[bytes], prefix: bytes) -> Iterator[bytes]:
    """Yield the paths that the workspace lacks though nobody deleted them."""
    for record in records:
        details, _, name = record.partition(b"\t")
        is_merged = details.endswith(b" 0")
        if is_merged and (record[:1] == b"S" or not name.startswith(prefix)):
            yield name
