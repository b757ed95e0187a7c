"""`confjob outputs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from confjob.cli import completing
from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, note, table
from confjob.words import plural

if TYPE_CHECKING:
    from confjob.pipeline.results import Output

__all__ = ["outputs"]


@click.command()
@click.argument("run", shell_complete=completing.run_ids)
@click.option(
    "--copy",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Copy them into a folder; nothing there is replaced.",
)
@as_json
@click.pass_context
def outputs(ctx: click.Context, run: str, folder: Path | None, as_json: bool) -> None:
    """List the files that RUN made or changed, and copy them out.

    They are the files of its working folder that it was not given. A run that goes
    on has made these so far.

    \b
    Examples:
      confjob outputs k3f
      confjob outputs k3f --copy results/k3f

    See also: confjob rm RUN --outputs removes them.
    """
    from confjob.pipeline.results import copy_outputs, outputs_of
    from confjob.workspace.sizes import human_size

    project = project_of(ctx)
    found = outputs_of(project, run)
    if folder is not None:
        copy_outputs(found, folder)
    if as_json:
        echo_json([_json(each) for each in found])
    elif found:
        rows = [[str(each.path), human_size(each.size)] for each in found]
        table(["PATH", "SIZE"], rows, numbers=["SIZE"])
    else:
        note("the run has made no files")
    if folder is not None and found:
        note(f"copied {plural(len(found), 'file')} to {folder}")


def _json(output: Output) -> dict[str, object]:
    return {"path": str(output.path), "place": str(output.place), "size": output.size}
