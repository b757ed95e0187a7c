"""`confjob plugins`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from confjob.cli.options import as_json, project_of
from confjob.cli.output import echo_json, note, safe, style, table
from confjob.errors import ExitCode

if TYPE_CHECKING:
    from confjob.project import Project
    from confjob.registry.inspection import Candidate, Inspection

__all__ = ["plugins"]


@click.group()
def plugins() -> None:
    """List, start and check plugins, and what they can hook."""


@plugins.command("list")
@as_json
@click.pass_context
def list_plugins(ctx: click.Context, as_json: bool) -> None:
    """List formats, backends and other plugins, importing none of them.

    \b
    Example:
      confjob plugins list
    """
    from attrs import asdict

    found = [asdict(plugin) for plugin in project_of(ctx).registry.installed()]
    keys = ["kind", "name", "distribution", "version", "module", "state"]
    if as_json:
        echo_json(found)
    else:
        # The project's own plugin is known by its file, which is beside launch.toml.
        rows = [{**plugin, "module": Path(plugin["module"]).name} for plugin in found]
        table([key.upper() for key in keys], [[row[key] for key in keys] for row in rows])


@plugins.command("hooks")
@as_json
@click.pass_context
def list_hooks(ctx: click.Context, as_json: bool) -> None:
    """Print every hook with its documentation.

    \b
    Example:
      confjob plugins hooks
    """
    import inspect

    found = [(signature, inspect.cleandoc(doc)) for signature, doc in project_of(ctx).registry.hooks()]
    if as_json:
        echo_json([{"hook": signature, "doc": doc} for signature, doc in found])
    else:
        for signature, doc in found:
            click.echo(f"{style(signature, bold=True)}\n{_indented(doc)}\n")


@plugins.command("new")
@click.argument("name")
@click.option(
    "--kind",
    type=click.Choice(["format", "backend", "hooks"]),
    default="format",
    show_default=True,
    help="What it adds: a config format, hardware, or comments on jobs.",
)
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to make it; default: ./confjob-NAME.",
)
@as_json
@click.pass_context
def new(ctx: click.Context, name: str, kind: str, folder: Path | None, as_json: bool) -> None:
    """Write a new plugin's package that works, to be changed.

    It has a pyproject.toml, a README, a module and tests, which pass at once. Nothing is
    overwritten, and nothing is installed.

    \b
    Examples:
      confjob plugins new props
      confjob plugins new mycluster --kind backend
    """
    from confjob.registry.scaffold import write_package

    cwd = project_of(ctx).cwd
    made = write_package(name, kind, cwd / (folder or f"confjob-{name.removeprefix('confjob-')}"))
    if as_json:
        echo_json({"dir": str(made.folder), "files": list(made.files)})
        return
    for file in made.files:
        click.echo(_shown(made.folder / file, cwd))
    shown = _shown(made.folder, cwd)
    note(f"now: cd {shown} && python -m pytest -q; pip install -e . makes it known to confjob")


@plugins.command("check")
@click.argument("name", metavar="[NAME|DIR|FILE]", required=False)
@as_json
@click.pass_context
def check(ctx: click.Context, name: str | None, as_json: bool) -> int:
    """Check a plugin: its imports, hooks, records and entry points.

    By its name or its distribution's, by the folder of its package, which need not be
    installed, or by its file. Without a name: the confjob_plugins.py of this project, and
    all that is installed. Nothing is installed, and no job is run.

    \b
    Examples:
      confjob plugins check
      confjob plugins check ./confjob-props
    """
    from confjob.registry.inspection import inspect_plugin

    project = project_of(ctx)
    found = [inspect_plugin(candidate) for candidate in _candidates(project, name)]
    if as_json:
        echo_json([_as_json(each) for each in found])
    else:
        for each in found:
            _tell(each)
        if not found:
            note("there is no plugin here; `confjob plugins new NAME` starts one")
    return ExitCode.REFUSED if any(each.faults for each in found) else ExitCode.OK


def _candidates(project: Project, name: str | None) -> list[Candidate]:
    from confjob.registry.inspection import Candidate

    inline = project.root / "confjob_plugins.py"
    own = [Candidate.of_file(inline)] if inline.is_file() else []
    if own and name in (inline.name, inline.stem):
        return own
    installed = [each for each in project.registry.installed() if each.module != str(inline)]
    if name is None:
        others = [each for each in installed if each.distribution != "confjob"]
        return [*own, *Candidate.of_distributions(others)]
    place = project.cwd / name
    if place.is_dir():
        return [Candidate.of_folder(place)]
    if place.is_file():
        return [Candidate.of_file(place)]
    return Candidate.of_installed(installed, name)


def _tell(found: Inspection) -> None:
    click.echo(style(safe(f"{found.name} {found.version}".strip()), bold=True))
    for text in found.verified:
        click.echo(f"  {style('ok', fg='green')}  {safe(text)}")
    for fault in found.faults:
        click.echo(f"  {style('no', fg='red', bold=True)}  {safe(fault.message)}")
        if fault.hint:
            click.echo(f"      {style('hint:', fg='cyan')} {safe(fault.hint)}")


def _as_json(found: Inspection) -> dict[str, Any]:
    problems = [{"message": fault.message, "hint": fault.hint} for fault in found.faults]
    return {
        "plugin": found.name,
        "version": found.version,
        "verified": found.verified,
        "problems": problems,
    }


def _shown(path: Path, cwd: Path) -> str:
    return str(path.relative_to(cwd) if path.is_relative_to(cwd) else path)


def _indented(text: str) -> str:
    return "\n".join(f"    {line}".rstrip() for line in text.splitlines())
