"""`confjob prune`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from confjob.cli.options import as_json, project_of, selection_of, selection_options
from confjob.cli.output import echo_json, note
from confjob.cli.rm import runs_and_files, tell_spared
from confjob.words import plural

if TYPE_CHECKING:
    from confjob.pipeline.removing import Removal
    from confjob.workspace.collecting import Waste

__all__ = ["prune"]


@click.command()
@selection_options
@click.option(
    "--outputs", "with_outputs", is_flag=True, help="Also runs that have made files, with the files."
)
@click.option("--dry-run", is_flag=True, help="Say what would go, and remove nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def prune(
    ctx: click.Context, /, with_outputs: bool, dry_run: bool, yes: bool, as_json: bool, **meant: Any
) -> None:
    """Remove what is old, and what no run needs any more.

    Without options that say which runs, all runs stay; what goes are snapshots of code
    that no run needs, and what a killed confjob left half-made. With such options the runs
    that match and are over go first. A run that has made files stays, unless --outputs
    says that they may go as well.

    \b
    Examples:
      confjob prune --dry-run
      confjob prune --older-than 30d
      confjob prune --state failed --state cancelled --outputs --yes
    """
    from confjob.pipeline.removing import Removal, matching_removal, remove, unneeded

    project, selection = project_of(ctx), selection_of(**meant)
    if selection:
        what = matching_removal(project, selection, with_outputs=with_outputs)
    else:
        what = Removal(waste=unneeded(project))
    tell_spared(what)
    if what and not dry_run and not yes:
        from confjob.cli.asking import agreed

        agreed(f"Remove {_words(what)}?", otherwise="nothing was removed")
    if what and not dry_run:
        what = evolve(what, waste=remove(project, what))
    if as_json:
        echo_json(_json(what))
    else:
        note(
            f"{'would remove' if dry_run else 'removed'} {_words(what)}"
            if what
            else "there is nothing to remove"
        )


def _words(what: Removal) -> str:
    """Return `3 runs, 2 snapshots and 1 leftover (12.5 MiB)`."""
    from confjob.workspace.sizes import human_size

    parts = [runs_and_files(what)] if what.doomed else []
    parts += [plural(len(found), word) for word, found in _kinds(what.waste) if found]
    return f"{', '.join(parts)}; {human_size(what.freed)} in all"


def _kinds(waste: Waste) -> list[tuple[str, tuple[object, ...]]]:
    return [
        ("unneeded snapshot", waste.snapshots),
        ("unneeded file content", waste.contents),
        ("leftover", waste.leftovers),
    ]


def _json(what: Removal) -> dict[str, Any]:
    return {
        "runs": list(what.runs),
        "spared": [run.id for run in what.spared],
        "outputs": what.outputs,
        "snapshots": [path.name for path in what.waste.snapshots],
        "contents": len(what.waste.contents),
        "leftovers": [path.name for path in what.waste.leftovers],
        "freed": what.freed,
    }
