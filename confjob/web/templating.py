"""Pages from templates: escaping is on for all of them, and every value has one way to be shown."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from confjob.times import ago, clock, duration, moment, ran
from confjob.version import __version__
from confjob.web.site import site_of
from confjob.web.visible import visible
from confjob.words import changed_to, plural, value_text

__all__ = ["STATIC", "page", "render"]

#: Scripts, styles and pictures, as they are shipped.
STATIC: Final = Path(__file__).parent / "static"

#: The cookie in which a browser keeps `light` or `dark`, so that no page flashes before it knows.
_THEME: Final = "confjob-theme"


def page(
    request: Request,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> HTMLResponse:
    """Return the page, or the fragment of one, that a template makes.

    Args:
        request: What is answered.
        template: Its name in `templates/`.
        context: What it is about.
        status: The HTTP status.
        headers: More headers.
    """
    html = render(template, {**_surroundings(request), **(context or {})})
    # A name in a config may be half a surrogate pair, which UTF-8 can't write.
    return HTMLResponse(html.encode("utf-8", "replace"), status, headers)


def render(template: str, context: Mapping[str, Any]) -> str:
    """Return a template's text."""
    return _environment().get_template(template).render(context)


def _surroundings(request: Request) -> dict[str, Any]:
    site = site_of(request)
    theme = request.cookies.get(_THEME)
    return {
        "site": site,
        "read_only": site.read_only,
        "path": request.url.path,
        "theme": theme if theme in ("light", "dark") else None,
        "version": __version__,
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("confjob.web", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "ago": ago,
        "changed_to": changed_to,
        "clock": clock,
        "duration": duration,
        "moment": moment,
        "plural": plural,
        "ran": ran,
        "value": value_text,
        "visible": visible,
    }
    environment.globals["static"] = _static
    return environment


@cache
def _static(name: str) -> str:
    """Return the address of a static file, which changes with its content so that caches are no trouble."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()
    return f"/static/{name}?v={digest[:12]}"
