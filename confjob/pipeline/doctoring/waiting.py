"""Runs checks side by side, and waits for none of them longer than it may take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Thread

from attrs import evolve

from confjob.errors import ConfjobError
from confjob.pipeline.doctoring.findings import Check, Finding, refused, warn
from confjob.pipeline.doctoring.patient import Patient

__all__ = ["side_by_side"]


def side_by_side(checks: Sequence[Check], patient: Patient, limit: float) -> list[Finding]:
    """Return what checks find, in their order; one that takes longer than `limit` seconds is told."""
    running = [_Running(check, patient) for check in checks]
    until = time.monotonic() + limit
    for each in running:
        each.join(max(until - time.monotonic(), 0.0))
    return [finding for each in running for finding in each.findings(limit)]


class _Running(Thread):
    """A check on its way. A daemon: what never ends must not keep the program from ending."""

    def __init__(self, check: Check, patient: Patient) -> None:
        super().__init__(daemon=True)
        self._check = check
        self._patient = patient
        self._found: list[Finding] = []
        self.start()

    def run(self) -> None:
        name = self._check.name
        try:
            for finding in self._check.look(self._patient):
                self._found.append(finding)
        except ConfjobError as error:
            self._found.extend(refused(name, error))
        except Exception as error:  # noqa: BLE001 - one check's fault must not silence the others
            self._found.append(warn(name, f"could not be looked at: {type(error).__name__}: {error}"))

    def findings(self, limit: float) -> list[Finding]:
        """Return what was found so far, and that there may be more to find."""
        found = list(self._found)
        if self.is_alive():
            hint = "a disk, a program or a server does not answer"
            found.append(warn(self._check.name, f"no answer within {limit:g} s", hint))
        return [evolve(finding, group=self._check.group) for finding in found]
