"""Rendering: from a plan to the plain files of a run, and the command it starts."""

from __future__ import annotations

from confjob.render.command import command
from confjob.render.folder import Ground, RunFiles, change_record, render
from confjob.render.launchers import torchrun

__all__ = ["Ground", "RunFiles", "change_record", "command", "render", "torchrun"]
