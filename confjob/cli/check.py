"""`confjob check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, note, problem_json, safe
from confjob.errors import ExitCode

if TYPE_CHECKING:
    from confjob.model import Problem
    from confjob.project import Project

__all__ = ["check"]


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Let warnings fail as well.")
@as_json
@click.pass_context
def check(ctx: click.Context, files: tuple[Path, ...], strict: bool, as_json: bool) -> int:
    """Check launch.toml and the config files of every job, and start nothing.

    Each problem is a line, FILE:LINE:COLUMN: message, as editors and CI read it. With
    FILES only what stands in them is told, and what stands nowhere.

    \b
    Examples:
      confjob check
      confjob check --strict conf/train.yaml
    """
    from confjob.pipeline.checking import check_project

    project = project_of(ctx)
    found = [each for each in check_project(project) if _is_asked(project, files, each)]
    if as_json:
        echo_json([{**problem_json(each), "severity": each.severity} for each in found])
    else:
        for each in found:
            click.echo(safe(_line(each)))
    failed = any(strict or each.severity == "error" for each in found)
    if not found and not as_json:
        note("nothing is wrong")
    return ExitCode.REFUSED if failed else ExitCode.OK


def _is_asked(project: Project, files: tuple[Path, ...], problem: Problem) -> bool:
    if not files or problem.where is None:
        return True
    return (project.root / problem.where.file).resolve() in {(project.cwd / file).resolve() for file in files}


def _line(problem: Problem) -> str:
    place = str(problem.where or "launch.toml")
    name = f"{problem.input}:{problem.path}: " if problem.input and problem.path else ""
    hint = f" ({problem.hint})" if problem.hint else ""
    return f"{place}: {problem.severity}: {name}{problem.message}{hint}"
