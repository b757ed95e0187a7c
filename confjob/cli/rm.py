"""`confjob rm`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from confjob.cli import completing
from confjob.cli.options import as_json, project_of, selection_of, selection_options
from confjob.cli.output import echo_json, note
from confjob.words import listing, plural

if TYPE_CHECKING:
    from confjob.pipeline.removing import Removal
    from confjob.pipeline.selecting import Selection
    from confjob.project import Project

__all__ = ["rm", "runs_and_files", "tell_spared"]


@click.command()
@click.argument("run_ids", metavar="[RUN]...", nargs=-1, shell_complete=completing.run_ids)
@selection_options
@click.option("--outputs", "with_outputs", is_flag=True, help="Also the files that the runs have made.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def rm(
    ctx: click.Context,
    /,
    run_ids: tuple[str, ...],
    with_outputs: bool,
    yes: bool,
    as_json: bool,
    **meant: Any,
) -> None:
    """Remove runs that are over: their records, logs and working folders.

    The runs are named by id, or by what is known of them; a question comes first. Runs
    that are named are all removed, or none: one that is going on, or has made files,
    keeps all of them. Of runs that only match, such ones stay, and the others go.

    Files that a run has made go only with --outputs. A snapshot of code goes with the
    last run that needs it.

    \b
    Examples:
      confjob rm k3f m8w
      confjob rm --state failed --older-than 7d
      confjob rm k3f --outputs --yes
    """
    from confjob.pipeline.removing import remove

    project, selection = project_of(ctx), selection_of(**meant)
    what = _removal(project, run_ids, selection, with_outputs=with_outputs)
    tell_spared(what)
    if not what.doomed:
        if as_json:
            echo_json(_json(what))
        else:
            note("no run that is over matches" if not what.spared else "nothing was removed")
        return
    if not yes:
        from confjob.cli.asking import agreed

        agreed(f"Remove {runs_and_files(what)}?", otherwise="nothing was removed")
    remove(project, what)
    if as_json:
        echo_json(_json(what))
    else:
        note(f"removed {', '.join(what.runs)}")


def _removal(
    project: Project, run_ids: tuple[str, ...], selection: Selection, *, with_outputs: bool
) -> Removal:
    from confjob.pipeline.removing import matching_removal, named_removal

    if bool(run_ids) == bool(selection):
        either = "name runs, or say which by --job, --state, --tag, --name, --older-than or --larger-than"
        raise click.UsageError(either if not run_ids else "runs are named by id or by options, not both")
    if run_ids:
        return named_removal(project, run_ids, with_outputs=with_outputs)
    return matching_removal(project, selection, with_outputs=with_outputs)


def _json(what: Removal) -> dict[str, Any]:
    return {
        "removed": list(what.runs),
        "spared": [run.id for run in what.spared],
        "outputs": what.outputs,
        "size": what.size,
        "freed": what.freed,
    }


def runs_and_files(what: Removal) -> str:
    """Return `3 runs and 12 files that they made (1.5 MiB)`."""
    from confjob.workspace.sizes import human_size

    named = f" ({', '.join(what.runs)})" if len(what.runs) <= _FEW else ""
    runs = f"{plural(len(what.runs), 'run')}{named}"
    whose = "it" if len(what.runs) == 1 else "they"
    files = f"{plural(what.outputs, 'file')} that {whose} made ({human_size(what.size)})"
    return f"{runs} and {files}" if what.outputs else runs


#: As many runs are named in a question.
_FEW = 5


def tell_spared(what: Removal) -> None:
    """Say which runs stay for the files that they have made."""
    if what.spared:
        from confjob.workspace.sizes import human_size

        names = listing([run.id for run in what.spared])
        files = sum(run.outputs for run in what.spared)
        size = human_size(sum(run.size for run in what.spared))
        stay = "stays" if len(what.spared) == 1 else "stay"
        note(f"{names} {stay}, with {plural(files, 'file')} made ({size}); --outputs takes them, too")
