"""Completion: what a TAB may offer, for the options and arguments of every verb.

The functions here are what parameters name as `shell_complete=`; the modules behind them
are imported by a TAB alone, and import nothing of confjob that is slow. A TAB prints
nothing but candidates: whatever fails, completion falls silent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

    Candidates = list[CompletionItem[str]]
    Completer = Callable[[click.Context, click.Parameter, str], Candidates]

__all__ = [
    "STATES",
    "VARIABLE",
    "answer",
    "declared_jobs",
    "file_choices",
    "going_runs",
    "jobs",
    "names",
    "paths",
    "plugins",
    "run_ids",
    "sets",
    "states",
    "tags",
    "targets",
    "variables",
]

#: The variable by which the shell's script asks; its name is click's for this program.
VARIABLE: Final = "_CONFJOB_COMPLETE"

#: What `--state` takes; a test compares them with `confjob.model.State`, which is slow to import.
STATES: Final = (
    "queued",
    "starting",
    "running",
    "ending",
    "succeeded",
    "failed",
    "cancelled",
    "preempted",
    "lost",
)


def answer(instruction: str) -> int:
    """Print the candidates that a shell's script asks for; returns the exit code.

    Args:
        instruction: `bash_complete`, or `bash_source` for the script itself; the words of
            the command line stand in the environment.
    """
    import contextlib
    import io

    # A warning in the middle of somebody's command line would be worse than no candidate.
    with (
        contextlib.redirect_stderr(io.StringIO()),
        contextlib.suppress(Exception, KeyboardInterrupt, SystemExit),
    ):
        from confjob.cli.completing.shells import respond

        text = respond(instruction)
        os.write(1, text.encode("utf-8", "surrogateescape"))
        return 0
    return 1


def _later(module: str, function: str) -> Completer:
    """Return a completer that is imported by a TAB alone."""

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> Candidates:
        found: Candidates = getattr(import_module(f"{__name__}.{module}"), function)(ctx, incomplete)
        return found

    return complete


#: the manifest's jobs, and scripts and their functions
jobs = _later("jobnames", "all_jobs")
#: the manifest's jobs
declared_jobs = _later("jobnames", "manifest_jobs")
#: the targets of manifest and settings, and `local`
targets = _later("jobnames", "all_targets")
#: `NAME=`, and behind it the files that may be picked
file_choices = _later("files", "choices")
#: `NAME=` of the target's variables, and behind it values
variables = _later("variables", "assignments")
#: `PATH=` of the job on the line, and behind it values
sets = _later("inputs", "assignments")
#: paths of the job on the line
paths = _later("inputs", "input_paths")
#: runs, the newest first
run_ids = _later("runs", "all_runs")
#: the runs that have not ended, the newest first
going_runs = _later("runs", "live_runs")
#: the tags of the newest runs
tags = _later("runs", "known_tags")
#: the names of the newest runs
names = _later("runs", "known_names")
#: `no:NAME` of the installed plugins
plugins = _later("installed", "blockable")


def states(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer the states of a run."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in STATES if name.startswith(incomplete.lower())]
