"""Rendering: from a plan to the plain files of a run, and the command it starts."""

from __future__ import annotations

from confjob.render.command import command
from confjob.render.folder import Ground, RunFiles, change_record, render

__all__ = ["Ground", "RunFiles", "change_record", "command", "render"]
