"""What was found in a folder: everything is a guess that a person will read, so each has its reason."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal

from attrs import frozen

from confjob.model import InputSpec, JobSpec

__all__ = ["Found", "FoundFile", "FoundFolder", "FoundJob", "FoundPython"]


@frozen(kw_only=True)
class FoundFile:
    """A config file, how to declare it, and why it is thought to be the job's.

    Args:
        path: The file.
        why: The reason, for people.
        format: Its format, where the suffix does not tell.
        name: What `{name}` in the command stands for, if it does.
        choices: The pattern of the files that may be picked in its place.
        others: How many such files there are besides it.
        guessed: Whether nothing in the folder says so.
    """

    path: PurePosixPath
    why: str
    format: str | None = None
    name: str | None = None
    choices: str | None = None
    others: int = 0
    guessed: bool = False


@frozen(kw_only=True)
class FoundJob:
    """A job by command or function, and why it is thought to be one.

    Args:
        name: What it may be called.
        why: The reason, for people.
        command: Its command, or `function`.
        function: `module:function`.
        files: The config files it is thought to read.
        declares: The script whose calls declare its inputs, so that no table need to.
        declared: What those calls declare, as far as it can be read.
        parser: The script whose command line is the run config, `file.py` or `file.py:function`.
        flags: What that command line takes.
        settings: More lines of its table.
        remarks: What a person should know of it, for comments.
        unread: What of its command line can't be read, so that a person must say it.
        missing: The plugin without which some of its calls can't be read.
    """

    name: str
    why: str
    command: tuple[str, ...] = ()
    function: str | None = None
    files: tuple[FoundFile, ...] = ()
    declares: PurePosixPath | None = None
    declared: JobSpec | None = None
    parser: str | None = None
    flags: InputSpec | None = None
    settings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    missing: str | None = None


@frozen(kw_only=True)
class FoundFolder:
    """A folder that git ignores, whether runs need it, and why that is thought."""

    path: PurePosixPath
    role: Literal["needed", "perhaps", "output"]
    why: str


@frozen(kw_only=True)
class FoundPython:
    """The Python that jobs will run with.

    Args:
        declare: What the manifest has to say for it, or nothing.
        why: Which one it is, and by what.
        missing: What must be done before jobs can run, or nothing.
    """

    declare: str = ""
    why: str = ""
    missing: str = ""


@frozen(kw_only=True)
class Found:
    """All that was found, and what of it belongs to no job.

    Args:
        jobs: The jobs.
        likely: Where there is no job: a config file that one may read.
        unused: The config files that no job reads or offers.
        folders: The folders that git ignores.
        notebooks: The notebooks.
        python: The interpreter.
    """

    jobs: tuple[FoundJob, ...] = ()
    likely: FoundFile | None = None
    unused: tuple[PurePosixPath, ...] = ()
    folders: tuple[FoundFolder, ...] = ()
    notebooks: tuple[PurePosixPath, ...] = ()
    python: FoundPython = FoundPython()
