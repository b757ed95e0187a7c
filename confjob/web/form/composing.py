"""One page of the launch form: from what was posted to what is shown and what is asked for.

The server keeps nothing between two requests. Each page is made anew of the project as it is and
of what the browser sent, so that nothing typed can be lost, and a file that changed meanwhile
shows its new values wherever nobody had touched the old ones.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, get_args

from attrs import evolve, field, frozen

from confjob.declare import known_targets, read_project
from confjob.errors import ConfjobError
from confjob.form import Form, Override
from confjob.load import format_of
from confjob.model import InputSpec, Priority, Problem, Source
from confjob.pipeline import Request, read_form
from confjob.pipeline.launching import Label
from confjob.pipeline.rerunning import Given, requests_of
from confjob.project import Project
from confjob.tree import MISSING
from confjob.web.form.asking import overrides, unnamed
from confjob.web.form.building import Builder, Section
from confjob.web.form.command import CommandLine, command_line_of
from confjob.web.form.faults import Fault, beside
from confjob.web.form.pasting import holds_secret, overlay
from confjob.web.form.posted import Posted
from confjob.web.form.spelling import Spelling

__all__ = ["PRIORITIES", "Basis", "Composed", "compose"]

PRIORITIES: Final[tuple[Priority, ...]] = get_args(Priority)
#: Files that are offered for one input.
_MOST_FILES: Final = 200


@frozen(kw_only=True)
class Basis:
    """What a form starts from: a job as it is declared, or a run that is launched again.

    Args:
        project: The project.
        job: The job, as it was named.
        given: The run that is launched again, if one is.
    """

    project: Project
    job: str
    given: Given | None = None

    @property
    def earlier(self) -> tuple[Override, ...]:
        """The changes of the run that is launched again."""
        return () if self.given is None else tuple(requests_of(self.given.record))

    def request(self, posted: Posted) -> Request:
        """Return what is asked for besides changes: the defaults of the basis, or what was posted."""
        invocation = {} if self.given is None else self.given.invocation
        is_posted = "seen" in posted.others
        files = _picked(posted) if is_posted else dict(invocation.get("files", {}))
        target = posted.first("target") if is_posted else self._earlier_target()
        extra = _words(posted.first("extra")) if is_posted else tuple(invocation.get("extra", ()))
        return Request(
            job=self.job,
            files=files,
            target=target or None,
            extra=extra,
            command=tuple(invocation.get("command", ())),
            priority=_priority(posted.first("priority") if is_posted else self._recorded("priority")),
        )

    def label(self, posted: Posted) -> Label:
        """Return what the run is to be called."""
        if "seen" not in posted.others and self.given is not None:
            record = self.given.record
            return Label(name=str(record.get("name") or ""), tags=tuple(record.get("tags") or ()))
        tags = posted.first("tags").replace(",", " ").split()
        return Label(name=posted.first("name").strip(), tags=tuple(tags), note=posted.first("note").strip())

    def _recorded(self, key: str) -> str:
        said = "" if self.given is None else self.given.record.get(key)
        return "" if said in (None, "medium") else str(said)

    def _earlier_target(self) -> str:
        return "" if self.given is None else str(self.given.record.get("target") or "")


@frozen(kw_only=True)
class Composed:
    """A page, and what it asks for.

    Args:
        form: The form of the job, with the files and the target that are picked.
        request: What is asked for.
        label: What the run is to be called.
        sections: What is shown, a problem at each field that has one.
        faults: All problems.
        marks: What the fields hold without any change, for the page to send back.
        targets: The targets that may be picked.
        target: The target that is used if none is picked.
        posted: What was posted.
        verb: The command that does the same, with what stands right behind it.
    """

    form: Form
    request: Request
    label: Label
    sections: tuple[Section, ...]
    marks: str
    faults: tuple[Fault, ...] = ()
    targets: tuple[str, ...] = ()
    target: str = ""
    posted: Posted = field(factory=Posted)
    verb: tuple[str, ...] = ("launch",)

    @property
    def extra_text(self) -> str:
        """The extra arguments as they were typed."""
        return self.posted.first("extra") if "extra" in self.posted.others else shlex.join(self.request.extra)

    @property
    def tags_text(self) -> str:
        """The tags as they were typed."""
        return self.posted.first("tags") if "tags" in self.posted.others else " ".join(self.label.tags)

    @property
    def changed(self) -> int:
        """How many fields differ from their defaults."""
        views = sum(view.is_changed for section in self.sections for view in section.everything())
        groups = [group for section in self.sections for group in section.groups]
        added = sum(bool(key.key) for group in groups for key in group.new_keys or ())
        return views + added + sum(group.is_removed for group in groups)

    @property
    def command_line(self) -> CommandLine:
        """The same launch as a command line."""
        return command_line_of(self.form, self.request, self.label, self.verb)

    def with_problems(self, problems: Sequence[Problem]) -> Composed:
        """Return the page with problems at their fields."""
        sections, faults = beside(self.sections, [*(fault.problem for fault in self.faults), *problems])
        return evolve(self, sections=sections, faults=faults)


def compose(
    basis: Basis, posted: Posted, pasted: tuple[Override, ...] = (), *, fresh: bool = False
) -> Composed:
    """Return the page that is shown after what was posted.

    Args:
        basis: What the form starts from.
        posted: What was posted; nothing, for a page that is opened.
        pasted: What a pasted config asks for, to be shown in its fields.
        fresh: Whether the page is opened, so that an earlier run's changes are to be shown.

    Raises:
        ConfjobError: When the job can't be read.
    """
    request, problems = basis.request(posted), list(_unread(posted))
    form, request, unfit = _form(basis, request)
    problems += unfit
    shown = _located(form, basis.earlier) if fresh else pasted
    values = overlay(form, shown)
    if holds_secret(basis.project, form, posted.first("pasted")):
        posted.others.pop("pasted")  # never sent back; a script keeps it in the page
    builder = Builder(
        form=form, spelling=Spelling(root=basis.project.root), posted=posted, values=dict(values)
    )
    sections = tuple(_with_choices(basis.project, form, request, each) for each in builder.sections())
    asked = tuple(overrides(sections, form.documents))
    request = evolve(request, overrides=asked, earlier=tuple(_withheld(form, basis.earlier)))
    problems += [problem for _, problem in unnamed(sections)]
    marks = builder.marks(sections)
    sections, faults = beside(sections, problems)
    targets, default = _targets(basis.project, form)
    return Composed(
        form=form,
        request=request,
        label=basis.label(posted),
        sections=sections,
        faults=faults,
        marks=marks,
        targets=targets,
        target=default,
        posted=posted,
        verb=("launch",) if basis.given is None else ("rerun", basis.given.earlier.run),
    )


def _form(basis: Basis, request: Request) -> tuple[Form, Request, list[Problem]]:
    """Return the form; of a file or target that can't be had, the problem and the form without it."""
    try:
        return read_form(basis.project, request), request, []
    except ConfjobError as error:
        if not (request.files or request.target):
            raise
        plain = evolve(request, files={}, target=None)
        told = list(error.problems) or [Problem(code="unreadable", message=error.message, hint=error.hint)]
        return read_form(basis.project, plain), plain, told


def _located(form: Form, earlier: tuple[Override, ...]) -> tuple[Override, ...]:
    """Return the changes of an earlier run that can be shown: a secret was never recorded."""
    known = {spec.input for spec in form.job.inputs}
    return tuple(
        each
        for each in earlier
        if each.input in known and (each.operation == "delete" or each.value is not MISSING)
    )


def _withheld(form: Form, earlier: tuple[Override, ...]) -> Iterator[Override]:
    """Yield the secrets that an earlier run was given, which must be given again."""
    known = {spec.input for spec in form.job.inputs}
    for each in earlier:
        if each.input in known and each.operation != "delete" and each.value is MISSING and each.text is None:
            yield each


def _targets(project: Project, form: Form) -> tuple[tuple[str, ...], str]:
    """Return the names of all targets, and that of the one which is used if none is picked."""
    declared = read_project(project)
    names = tuple(known_targets(project, declared))
    return names, form.job.target or declared.manifest.default_target or ""


def _with_choices(project: Project, form: Form, request: Request, section: Section) -> Section:
    spec = form.spec(section.input)
    choices = tuple(_choices(project, form, spec))
    return evolve(section, choices=choices, picked=request.files.get(spec.input, "")) if choices else section


def _choices(project: Project, form: Form, spec: InputSpec) -> Iterator[str]:
    """Yield the files that may be picked for an input."""
    if spec.kind != "file":
        return
    if spec.choices is not None:
        try:
            found = sorted(file for file in project.root.glob(spec.choices) if file.is_file())
        except (ValueError, NotImplementedError, OSError):
            return
        yield from (str(file.relative_to(project.root)) for file in found[:_MOST_FILES])
        return
    offer = format_of(project, evolve(spec, source=None)).choices
    if offer is not None:
        ask = project.ask(project.interpreter(form.job.python))
        yield from list(offer(Source(input=spec.input, path=spec.path, root=project.root, ask=ask)))


def _picked(posted: Posted) -> Mapping[str, str]:
    files = {
        name.removeprefix("file/"): texts[0] for name, texts in posted.others.items() if name[:5] == "file/"
    }
    return {name: path for name, path in files.items() if path}


def _words(text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return ()


def _unread(posted: Posted) -> Iterator[Problem]:
    """Yield what of the page's own controls can't be read."""
    try:
        shlex.split(posted.first("extra"))
    except ValueError as error:
        hint = "words are parted by blanks; one with a blank in it stands in quotes"
        message = f"the extra arguments can't be read: {str(error).lower()}"
        yield Problem(code="extra-arguments", message=message, hint=hint)


def _priority(text: str) -> Priority | None:
    return next((known for known in PRIORITIES if known == text), None)
