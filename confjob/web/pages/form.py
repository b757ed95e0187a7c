"""The launch form: a job's inputs with their types, what a launch would do, and the launch itself.

Each button of the page is a plain POST, and answers with the whole page; a script in the browser
asks for less of it, from the same functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl, quote

from attrs import frozen
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from confjob.errors import ConfjobError, InvalidOverrides
from confjob.form import Plan
from confjob.model import Problem
from confjob.pipeline import launching, make_plan
from confjob.pipeline.preview import Preview, preview
from confjob.pipeline.rerunning import given_again
from confjob.web.form.building import FieldView
from confjob.web.form.composing import PRIORITIES, Basis, Composed, compose
from confjob.web.form.names import parse
from confjob.web.form.pasting import paste
from confjob.web.form.posted import MOST_CONTROLS, Posted, act
from confjob.web.site import site_of
from confjob.web.templating import page

__all__ = ["routes"]

#: What of a page is answered with 422: it was asked for and can't be done.
_REFUSED: Final = 422


@frozen(kw_only=True)
class _Place:
    """The form that an address means: its basis, and where it is posted to."""

    basis: Basis
    action: str
    title: str
    current: bool | None = None


def _of_job(request: HttpRequest) -> _Place:
    job = request.path_params["job"]
    basis = Basis(project=site_of(request).project(), job=job)
    return _Place(basis=basis, action=f"/jobs/{quote(job)}", title=f"Launch {job}")


def _of_run(request: HttpRequest) -> _Place:
    run, current = request.path_params["run"], request.query_params.get("on") == "current"
    given = given_again(site_of(request).project(), run, current=current)
    job = str(given.invocation["job"])
    basis = Basis(project=given.project, job=job, given=given)
    return _Place(
        basis=basis,
        action=f"/runs/{quote(given.earlier.run)}/again",
        title=f"Launch {job} again",
        current=current,
    )


Find = Callable[[HttpRequest], _Place]


async def _read(request: HttpRequest) -> Posted:
    try:
        pairs = parse_qsl(
            (await request.body()).decode("utf-8", "replace"),
            keep_blank_values=True,
            max_num_fields=MOST_CONTROLS,
            errors="replace",
        )
    except ValueError:
        raise HTTPException(413, "The form has more fields than a form can have") from None
    return Posted.read(pairs)


def _open(find: Find) -> Callable[[HttpRequest], Any]:
    def made(request: HttpRequest) -> Response:
        place = find(request)
        return _page(request, place, compose(place.basis, Posted(), fresh=True))

    async def answer(request: HttpRequest) -> Response:
        return await run_in_threadpool(made, request)

    return answer


def _post(find: Find) -> Callable[[HttpRequest], Any]:
    async def answer(request: HttpRequest) -> Response:
        posted = await _read(request)
        return await run_in_threadpool(_done, request, find(request), posted)

    return answer


def _done(request: HttpRequest, place: _Place, posted: Posted) -> Response:
    """Do what the pressed button asks for, and answer with the page, or lead to the run."""
    action = posted.first("do", "launch")
    if action == "paste":
        return _pasted(request, place, posted)
    if action == "launch":
        return _launched(request, place, posted)
    act(posted, action)
    made = compose(place.basis, posted)
    if action != "preview":
        return _page(request, place, made)
    shown, problems = _previewed(place.basis, made)
    return _page(request, place, made.with_problems(problems), shown)


def _pasted(request: HttpRequest, place: _Place, posted: Posted) -> Response:
    text = posted.first("pasted")
    before = compose(place.basis, posted)
    found = paste(place.basis.project, before.form, text)
    for override in found.overrides:
        for section in before.sections:
            for view in section.everything():
                same = section.input == override.input
                if same and (
                    override.path.startswith(view.widget.path) or view.widget.path.startswith(override.path)
                ):
                    posted.forget(section.input, view.widget.tokens)
    if not found.problems:
        posted.others.pop("pasted", None)
    made = compose(place.basis, posted, found.overrides).with_problems(found.problems)
    return _page(request, place, made, status=_REFUSED if found.problems else 200)


def _launched(request: HttpRequest, place: _Place, posted: Posted) -> Response:
    made = compose(place.basis, posted)
    if made.faults:
        return _page(request, place, made, status=_REFUSED)
    try:
        plan = make_plan(place.basis.project, made.request)
        launched = _launch(place.basis, plan, made)
    except InvalidOverrides as error:
        return _page(request, place, made.with_problems(error.problems), status=_REFUSED)
    except ConfjobError as error:
        return _page(request, place, made.with_problems(_told(error)), status=_REFUSED)
    return RedirectResponse(f"/runs/{quote(launched)}", status_code=303)


def _launch(basis: Basis, plan: Plan, made: Composed) -> str:
    if basis.given is not None:
        launched = basis.given.again(plan).launch(made.label)
    else:
        launched = launching.launch(basis.project, plan, made.label)
    launched.start()
    return launched.id


def _told(error: ConfjobError) -> list[Problem]:
    return list(error.problems) or [Problem(code="refused", message=error.message, hint=error.hint)]


def _previewed(basis: Basis, made: Composed) -> tuple[Preview | None, list[Problem]]:
    """Return what a launch would do, or what keeps it from being done."""
    if made.faults:
        return None, []
    try:
        return preview(basis.project, make_plan(basis.project, made.request)), []
    except ConfjobError as error:
        return None, _told(error)


def _preview(find: Find) -> Callable[[HttpRequest], Any]:
    def made(request: HttpRequest, posted: Posted) -> Response:
        place = find(request)
        composed = compose(place.basis, posted, fresh="seen" not in posted.others)
        shown, problems = _previewed(place.basis, composed)
        return page(request, "form_preview.html", _context(place, composed.with_problems(problems), shown))

    async def answer(request: HttpRequest) -> Response:
        return await run_in_threadpool(made, request, await _read(request))

    return answer


def _edit(find: Find) -> Callable[[HttpRequest], Any]:
    """Answer with one field, after a button of it was pressed."""

    def made(request: HttpRequest, posted: Posted) -> Response:
        place = find(request)
        act(posted, posted.first("do"))
        composed = compose(place.basis, posted)
        view = _about(composed, posted.first("do"))
        if view is None:
            raise HTTPException(404, "There is no such field")
        return page(request, "form_field.html", {**_context(place, composed, None), "view": view})

    async def answer(request: HttpRequest) -> Response:
        return await run_in_threadpool(made, request, await _read(request))

    return answer


def _about(composed: Composed, action: str) -> FieldView | None:
    place = parse(action.partition(" ")[2])
    if place is None:
        return None
    _, name, tokens = place
    views = (view for section in composed.sections if section.input == name for view in section.everything())
    return next((view for view in views if tokens[: len(view.widget.tokens)] == view.widget.tokens), None)


def _page(
    request: HttpRequest, place: _Place, made: Composed, shown: Preview | None = None, *, status: int = 200
) -> Response:
    context = _context(place, made, shown)
    return page(request, "form.html", {**context, "is_previewed": shown is not None}, status=status)


def _context(place: _Place, made: Composed, shown: Preview | None) -> dict[str, Any]:
    return {
        "place": place,
        "made": made,
        "job": made.form.job,
        "shown": shown,
        "command_line": made.command_line,
        "priorities": PRIORITIES,
        "warnings": [each for each in made.form.warnings if each.severity == "warning"],
    }


def _routes(path: str, find: Find) -> list[Route]:
    return [
        Route(f"{path}/preview", _preview(find), methods=["POST"]),
        Route(f"{path}/edit", _edit(find), methods=["POST"]),
        Route(path, _open(find), methods=["GET"]),
        Route(path, _post(find), methods=["POST"]),
    ]


routes = [*_routes("/runs/{run}/again", _of_run), *_routes("/jobs/{job:path}", _of_job)]
