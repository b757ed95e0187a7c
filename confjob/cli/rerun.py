"""`confjob rerun`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from confjob.cli import completing
from confjob.cli.launch import carry_out, launch_options, require_one_way
from confjob.cli.options import WithExtra, as_json, inputs_options, project_of, request_of

if TYPE_CHECKING:
    from confjob.model import Priority

__all__ = ["rerun"]


@click.command(cls=WithExtra)
@click.argument("run", shell_complete=completing.run_ids)
@inputs_options
@click.option(
    "--current", is_flag=True, help="Take code and configs as they are now, not as the run had them."
)
@click.option("--dry-run", is_flag=True, help="Show what would change and run, and do nothing.")
@launch_options
@as_json
@click.pass_context
def rerun(
    ctx: click.Context,
    /,
    run: str,
    current: bool,
    dry_run: bool,
    follow: bool,
    foreground: bool,
    priority: Priority | None,
    name: str,
    tags: tuple[str, ...],
    remark: str,
    as_json: bool,
    **asked: Any,
) -> int:
    """Run RUN again, as it was or with changes.

    The new run gets the code, the configs, the manifest and the interpreter that RUN had,
    whatever has become of them since, and the changes that RUN was launched with; --set
    goes on top of those. With --current the same changes are made to what is in the
    checkout now.

    Environment variables are those of this terminal. A secret that RUN was given is
    recorded nowhere, and must be given again.

    \b
    Examples:
      confjob rerun k3f
      confjob rerun k3f --set learning_rate=0.05 --follow
      confjob rerun k3f --current --dry-run
    """
    from confjob.pipeline.launching import Label
    from confjob.pipeline.preview import preview
    from confjob.pipeline.rerunning import plan_again

    require_one_way(follow=follow, foreground=foreground)
    project = project_of(ctx)
    request = request_of("", extra=ctx.meta["extra"], priority=priority, **asked)
    again = plan_again(project, run, request, current=current)
    if dry_run:
        from confjob.cli.plan import print_preview

        print_preview(preview(again.project, again.plan), as_json=as_json)
        return 0
    launched = again.launch(Label(name=name, tags=tags, note=remark))
    return carry_out(project, again.plan, launched, follow=follow, foreground=foreground, as_json=as_json)
