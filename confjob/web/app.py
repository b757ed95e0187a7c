"""The application: every page's routes, behind one guard."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from confjob.web import api
from confjob.web.errors import HANDLERS
from confjob.web.pages import compare, form, jobs, queue, run, runs
from confjob.web.security import Guard
from confjob.web.site import Site
from confjob.web.templating import STATIC

__all__ = ["create_app"]

_PAGES = (jobs, form, runs, run, compare, queue)


def create_app(site: Site) -> Starlette:
    """Return the application that serves a site."""
    app = Starlette(
        routes=[*_routes(), Mount("/static", StaticFiles(directory=STATIC), name="static")],
        middleware=[Middleware(Guard, site=site)],
        exception_handlers=dict(HANDLERS),
    )
    app.state.site = site
    app.router.redirect_slashes = False  # a page has one address
    return app


def _routes() -> list[BaseRoute]:
    return [*api.routes, *(route for each in _PAGES for route in each.routes)]
