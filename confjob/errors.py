"""Every way confjob says no, in one small tree with one exit door.

The module stands apart from the nouns so that anything may raise without an import
cycle, and so that `confjob --help` can name the exit codes without loading a model.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from confjob.model import Problem

__all__ = [
    "BackendError",
    "ConfjobError",
    "ExitCode",
    "InputError",
    "InvalidOverrides",
    "ManifestError",
    "PluginError",
    "RunError",
    "UnknownJob",
    "UnknownRun",
]


class ExitCode(IntEnum):
    """What a confjob command tells the shell."""

    OK = 0
    #: Refused, with a message and a hint; nothing was created.
    REFUSED = 1
    #: The command line itself is wrong.
    USAGE = 2
    #: A fault of confjob's own; the message names a log file to report.
    BUG = 3
    #: The followed job failed.
    JOB_FAILED = 4
    INTERRUPTED = 130


class ConfjobError(Exception):
    """An expected refusal: shown as a message and a hint, never as a traceback.

    Args:
        message: One sentence, without a final full stop.
        hint: What to do about it.
        problems: All that is wrong, each with its path and position, where the
            refusal is a list.
    """

    exit_code: ExitCode = ExitCode.REFUSED

    def __init__(self, message: str, hint: str = "", problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.problems = tuple(problems)


class ManifestError(ConfjobError):
    """`launch.toml` or a declaration in code is wrong; `.problems` has all faults."""


class InputError(ConfjobError):
    """A source is missing, lies outside the project, or does not parse."""


class InvalidOverrides(ConfjobError):
    """The requested changes can't be made; `.problems` has every reason."""

    @classmethod
    def of(cls, problems: Iterable[Problem]) -> InvalidOverrides:
        """Return the refusal that reports `problems`, which must not be empty."""
        listed = tuple(problems)
        noun = "problem" if len(listed) == 1 else "problems"
        return cls(f"{len(listed)} {noun} in the requested inputs", problems=listed)


class PluginError(ConfjobError):
    """A plugin is missing or broken; names entry point, distribution, version, cause."""


class BackendError(ConfjobError):
    """A backend refused or failed; carries the backend's own words."""


class RunError(ConfjobError):
    """A run is unknown, ambiguous, or in a state that does not allow the request."""


class UnknownJob(InputError):
    """No job has the name; the hint names the nearest."""


class UnknownRun(RunError):
    """No run has the id; the hint names the nearest."""
