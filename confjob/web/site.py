"""What one server serves, and to whom: a value, so that tests can make as many as they like."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from attrs import field, frozen

from confjob.project import Project

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["Site", "site_of"]


@frozen(kw_only=True)
class Site:
    """A project that is served.

    Args:
        directory: Where the user stands; the project around it is served.
        token: What a browser must show.
        blocked: Plugins that are not imported.
        read_only: Whether nothing may be launched, cancelled or changed.
        hosts: Names beside those of this machine's loopback by which people may come.
    """

    directory: Path
    token: str = field(repr=False)
    blocked: tuple[str, ...] = ()
    read_only: bool = False
    hosts: tuple[str, ...] = ()

    def project(self) -> Project:
        """Return the project as it is now: its files change while the server runs."""
        return Project.find(self.directory, blocked=self.blocked)


def site_of(request: Request) -> Site:
    """Return the site that a request is for."""
    site: Site = request.app.state.site
    return site
