"""What else this machine has that jobs could be sent to, and the plugin that would use it."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from attrs import frozen

from confjob.pipeline.doctoring.findings import Finding, check, note, ok, warn
from confjob.pipeline.doctoring.patient import Patient
from confjob.pipeline.doctoring.programs import Said, ask_program
from confjob.project import Project
from confjob.words import listing

__all__ = ["programs_here"]


@frozen(kw_only=True)
class _Tool:
    """A program that stands for a kind of hardware.

    Args:
        program: Its name on the PATH.
        ask: What it is called with, to say a line about itself.
        plugin: The package whose backend would use it, or nothing.
        backend: That backend's name.
    """

    program: str
    ask: tuple[str, ...]
    plugin: str = ""
    backend: str = ""


_TOOLS: Final = (
    _Tool(program="nvidia-smi", ask=("--query-gpu=name,memory.total", "--format=csv,noheader")),
    _Tool(program="rocm-smi", ask=("--showproductname", "--csv")),
    _Tool(program="sbatch", ask=("--version",), plugin="confjob-slurm", backend="slurm"),
    _Tool(program="ray", ask=("--version",), plugin="confjob-ray", backend="ray"),
    _Tool(
        program="docker",
        ask=("version", "--format", "{{.Server.Version}}"),
        plugin="confjob-container",
        backend="container",
    ),
    _Tool(program="podman", ask=("--version",), plugin="confjob-container", backend="container"),
    _Tool(program="kubectl", ask=("version", "--client"), plugin="confjob-kubernetes", backend="kubernetes"),
)


@check("this machine", "programs")
def programs_here(patient: Patient) -> Iterator[Finding]:
    """Look for the programs, and ask each that is there for a line."""
    path = patient.project.environ.get("PATH")
    there = [tool for tool in _TOOLS if shutil.which(tool.program, path=path)]
    with ThreadPoolExecutor(max_workers=len(_TOOLS)) as pool:
        answers = list(pool.map(partial(_asked, patient.project), there))
    working = {tool.backend for tool, said in zip(there, answers, strict=True) if said.code == 0}
    yield from (_told(patient, tool, said, working) for tool, said in zip(there, answers, strict=True))
    missing = [tool.program for tool in _TOOLS if tool not in there]
    if missing:
        yield note("not found", listing(missing, 20))


def _asked(project: Project, tool: _Tool) -> Said:
    return ask_program(project.cwd, project.environ, tool.program, *tool.ask)


def _told(patient: Patient, tool: _Tool, said: Said, working: Collection[str]) -> Finding:
    names = {each.name for each in patient.project.registry.installed() if each.kind == "backends"}
    first = said.lines[0]
    if said.code != 0:
        # Only who means to use it is warned, and has nothing else for it: podman stands in for docker.
        matters = not tool.plugin or (tool.backend in names and tool.backend not in working)
        return (warn if matters else note)(tool.program, f"found, but it says: {first}")
    if tool.program == "nvidia-smi":
        count = len(said.lines)
        return ok(tool.program, f"{count} GPU{'' if count == 1 else 's'}: {listing(said.lines, 8)}")
    if not tool.plugin:
        return ok(tool.program, first)
    if tool.backend in names:
        return ok(tool.program, f"{first}; {tool.plugin} uses it")
    return note(tool.program, f"{first}; {tool.plugin} would use it", f"pip install {tool.plugin}")
