"""`confjob rm`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, note
from confjob.errors import RunError

if TYPE_CHECKING:
    from confjob.pipeline.removing import Removal

__all__ = ["rm"]


@click.command()
@click.argument("run_ids", metavar="RUN...", nargs=-1, required=True)
@click.option("--outputs", "with_outputs", is_flag=True, help="Also the files that the runs have made.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@as_json
@click.pass_context
def rm(ctx: click.Context, run_ids: tuple[str, ...], with_outputs: bool, yes: bool, as_json: bool) -> None:
    """Remove runs that are over: their records, logs and working folders.

    A run that has made files is kept unless --outputs says that they may go. All of the
    runs are removed, or none.

    \b
    Examples:
      confjob rm k3f m8w
      confjob rm k3f --outputs --yes
    """
    from confjob.pipeline.removing import removal, remove

    project = project_of(ctx)
    what = removal(project, run_ids, with_outputs=with_outputs)
    if not yes:
        _ask(what)
    remove(project, what)
    if as_json:
        echo_json({"removed": list(what.runs), "outputs": what.outputs, "size": what.size})
    else:
        note(f"removed {', '.join(what.runs)}")


def _ask(what: Removal) -> None:
    if not sys.stdin.isatty():
        raise RunError("nothing was removed: there is nobody to ask", hint="--yes removes without a question")
    from confjob.workspace.sizes import human_size

    size = human_size(what.size)
    files = f" and {what.outputs} files that they made ({size})" if what.outputs else ""
    runs = f"{len(what.runs)} run{'s' if len(what.runs) > 1 else ''}"
    click.confirm(f"Remove {runs}{files}?", abort=True, err=True)
