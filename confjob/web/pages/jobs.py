"""The first page: what can be launched here, and how it last went."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from attrs import frozen
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from confjob.discover import FoundJob
from confjob.model import State
from confjob.pipeline import list_jobs
from confjob.pipeline.afterwards import last_runs
from confjob.pipeline.discovering import look_around
from confjob.project import Project
from confjob.web.site import Site, site_of
from confjob.web.templating import page

__all__ = ["Card", "routes"]

#: So many of a job's last runs are shown.
_LAST = 5


@frozen(kw_only=True)
class Card:
    """A job as the page shows it.

    Args:
        name: Its name.
        runs: What it runs; empty where only its runs are known.
        description: What its author says of it.
        last: Its last runs, the newest first.
    """

    name: str
    runs: str = ""
    description: str = ""
    last: Sequence[dict[str, Any]] = ()

    @property
    def address(self) -> str:
        """The address of its form."""
        return f"/jobs/{quote(self.name, safe='/:')}"

    @property
    def goes_on(self) -> bool:
        """Whether one of its last runs has not ended."""
        return any(not State(run["state"]).final for run in self.last)


async def _jobs(request: Request) -> Response:
    return page(request, "jobs.html", await run_in_threadpool(_context, site_of(request)))


def _context(site: Site) -> dict[str, Any]:
    project = site.project()
    declared = list_jobs(project)
    last = last_runs(project, _LAST)
    cards = [
        Card(name=job.name, runs=job.runs, description=job.description, last=last.pop(job.name, ()))
        for job in declared
    ]
    by_path = [Card(name=name, last=runs) for name, runs in last.items()]
    found = [] if cards or by_path else _found(project)
    return {"jobs": cards, "others": by_path, "found": found, "has_manifest": project.manifest is not None}


def _found(project: Project) -> list[tuple[str, str]]:
    """Return the jobs that `confjob init` would declare, each with what it would run."""
    return [(job.name, _runs(job)) for job in look_around(project).jobs]


def _runs(job: FoundJob) -> str:
    return job.function or shlex.join(job.command)


async def _open(request: Request) -> Response:
    """Lead to the form of a job that is named by hand."""
    name = request.query_params.get("job", "").strip()
    return RedirectResponse(Card(name=name).address if name else "/", status_code=303)


routes = [Route("/", _jobs, name="jobs"), Route("/open", _open, name="open")]
