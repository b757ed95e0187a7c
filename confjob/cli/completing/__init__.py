"""Completion: what a TAB may offer, for the options and arguments of every verb.

The functions here are what parameters name as `shell_complete=`; the modules behind them
are imported by a TAB alone, and import nothing of confjob that is slow. A TAB prints
nothing but candidates: whatever fails, completion falls silent.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

    Candidates = list[CompletionItem[str]]

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


def jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer the manifest's jobs, and scripts and their functions."""
    from confjob.cli.completing.jobnames import all_jobs

    return all_jobs(ctx, incomplete)


def declared_jobs(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer the manifest's jobs."""
    from confjob.cli.completing.jobnames import manifest_jobs

    return manifest_jobs(ctx, incomplete)


def targets(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer the manifest's targets, and `local`."""
    from confjob.cli.completing.jobnames import all_targets

    return all_targets(ctx, incomplete)


def file_choices(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer `NAME=`, and behind it the files that may be picked."""
    from confjob.cli.completing.files import choices

    return choices(ctx, incomplete)


def sets(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer `PATH=` of the job on the line, and behind it values."""
    from confjob.cli.completing.inputs import assignments

    return assignments(ctx, incomplete)


def paths(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer paths of the job on the line."""
    from confjob.cli.completing.inputs import input_paths

    return input_paths(ctx, incomplete)


def run_ids(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer runs, the newest first."""
    from confjob.cli.completing.runs import all_runs

    return all_runs(ctx, incomplete)


def going_runs(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer the runs that have not ended, the newest first."""
    from confjob.cli.completing.runs import all_runs

    return all_runs(ctx, incomplete, only_going=True)


def tags(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer the tags of the newest runs."""
    from confjob.cli.completing.runs import known_tags

    return known_tags(ctx, incomplete)


def names(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer the names of the newest runs."""
    from confjob.cli.completing.runs import known_names

    return known_names(ctx, incomplete)


def states(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer the states of a run."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(name) for name in STATES if name.startswith(incomplete.lower())]


def plugins(ctx: click.Context, param: click.Parameter, incomplete: str) -> Candidates:
    """Offer `no:NAME` of the installed plugins."""
    from confjob.cli.completing.installed import blockable

    return blockable(incomplete)
