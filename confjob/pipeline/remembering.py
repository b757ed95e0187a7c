"""What completion may offer of a job: kept as a by-product by whatever reads one.

A TAB runs nobody's code. So where no command has read a job since its files changed, it
is read here without asking the job's interpreter anything new, and not at all where the
project has a plugin of its own, which would have to be run to know what it hides.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from attrs import frozen

from confjob import schema as schemas
from confjob.declare import read_project
from confjob.declare.environs import RESOURCES
from confjob.form import Field, Form
from confjob.keypath import KeyPath
from confjob.model import Ask, InputSpec
from confjob.offers import KnownInput, Offer, Offers, key_of, save, stamps
from confjob.pipeline.reading import form_of, job_of
from confjob.pipeline.requests import Request
from confjob.probe import Interpreter, asker
from confjob.project import PLUGINS, Project
from confjob.tree import MISSING, Json, same
from confjob.validation import Validator
from confjob.values import read
from confjob.words import value_text

__all__ = ["offers_of", "read_quietly", "remember"]

_log = logging.getLogger(__name__)

#: A longer value is not what anyone wants to get from a key.
_LONGEST = 100
#: More constants than these are no help in choosing.
_MOST_VALUES = 200


def remember(project: Project, request: Request, form: Form) -> None:
    """Keep what completion may offer of a job that was read. Never fails: it only costs a TAB."""
    if project.root != project.checkout:
        return  # an earlier run's snapshot: what may be changed there is not what may be here
    try:
        _keep(project, offers_of(project, request, form))
    except Exception:  # noqa: BLE001 - whatever it is, the verb that read the job goes on
        _log.debug("nothing was kept for completion", exc_info=True)


def read_quietly(cwd: Path, blocked: Iterable[str], job: str, files: Mapping[str, str]) -> Offers | None:
    """Read a job without running anyone's code, and keep what completion may offer of it.

    Raises:
        ConfjobError: When it can't be read that way.
    """
    project = _Quiet.find(cwd, blocked=tuple(blocked))
    if (project.root / PLUGINS).exists():
        return None
    request = Request(job=job, files=files)
    form = form_of(project, job_of(project, read_project(project), request))
    offers = offers_of(project, request, form)
    with contextlib.suppress(OSError):
        _keep(project, offers)
    return offers


def _keep(project: Project, offers: Offers) -> None:
    if project.manifest is None and not project.state.is_dir():
        return  # a folder that nobody has made a project of
    save(str(project.state), offers)
    ignored = project.state / "cache" / ".gitignore"
    if not ignored.exists():
        # What the first run makes, which ignores the whole state folder, may still be to come.
        ignored.write_text("*\n", encoding="utf-8")


@frozen(kw_only=True, slots=False)
class _Quiet(Project):
    """A project whose jobs' interpreters are not started: only what they have answered is known."""

    def ask(self, interpreter: Interpreter) -> Ask:
        """Return a way to look up kept answers."""
        return asker(interpreter, self.root, self.state / "cache", kept_only=True)


def offers_of(project: Project, request: Request, form: Form) -> Offers:
    """Return what completion may offer of a job."""
    root = str(project.root)
    data = {str(path) for spec in form.job.inputs if spec.kind == "file" for path in _sources(spec)}
    return Offers(
        key=key_of(root, str(project.cwd), request.job, request.files),
        rules=stamps(root, sorted({*_rules(project, form)} - data)),
        data=stamps(root, sorted(data)),
        inputs=[_known(spec) for spec in form.job.inputs],
        offers=[*filter(None, map(_offer, _fields(form)))],
    )


def _rules(project: Project, form: Form) -> Iterator[str]:
    """Yield the files that decide what is an input: the manifest, plugins, the job's code, schemas."""
    yield from ("launch.toml", PLUGINS)
    job = form.job
    words = [word for word in job.command or () if (project.root / word).is_file()]
    spans = [
        job.where,
        *(place for spec in job.inputs for place in (spec.where, *spec.schema_places.values())),
    ]
    nodes = (node.where for document in form.documents.values() for node in document.nodes.values())
    yield from words
    # `schemas.py:Schema`, or `launch.toml:12`.
    yield from (spec.schema_where.partition(":")[0] for spec in job.inputs if spec.schema_where)
    yield from (str(span.file) for span in (*spans, *nodes) if span is not None)
    yield from [str(job.function.file)] if job.function else []


def _sources(spec: InputSpec) -> list[PurePosixPath]:
    return [path for path in (spec.path, spec.source) if path is not None]


def _known(spec: InputSpec) -> KnownInput:
    names = dict.fromkeys([spec.input, spec.name, *map(str, _sources(spec))])
    return KnownInput(input=spec.input, names=list(names), kind=spec.kind)


def _fields(form: Form) -> Iterator[Field]:
    """Yield what may be set: what is there, and the names that a schema has for what is not."""
    yield from form.fields
    known = {(field.input, field.path) for field in form.fields}
    for spec in form.job.inputs:
        whole = [RESOURCES] if spec.kind == "resources" else form.typing[spec.input].whole()
        for name in dict.fromkeys(name for schema in whole for name in schemas.properties(schema)):
            path = KeyPath((name,))
            absent = path not in form.documents[spec.input].nodes and (spec.input, path) not in known
            if absent and form.selects(spec.input, path):
                yield form.field(spec.input, path)


def _offer(field: Field) -> Offer | None:
    path = str(KeyPath(map(str, field.path)))
    if not path or not path.isprintable():
        return None
    # The rules of a secret might tell it.
    rules = "" if field.secret else schemas.constraints(field.schema)
    said = str(field.schema.get("description", "")).strip().partition("\n")[0]
    return Offer(
        input=field.input,
        path=path,
        absent=field.value is MISSING,
        type=" ".join(filter(None, [schemas.type_name(field.schema), rules]))[:_LONGEST],
        help=said[:_LONGEST],
        values=[] if field.secret else list(dict.fromkeys(_constants(field.schema))),
        now=None if field.secret or field.value is MISSING else _typed(field.value, field.schema),
    )


def _constants(schema: schemas.Schema) -> Iterator[str]:
    """Yield the values that a schema names, as they are typed."""
    kinds = schemas.kinds(schema) or ()
    found = [*schemas.constants(schema)]
    found += [True, False] if "boolean" in kinds else []
    found += [None] if "null" in kinds else []
    validator = Validator(schema) if found else None
    for value in found[:_MOST_VALUES]:
        text = _typed(value, schema)
        if text is not None and validator is not None and not any(validator.violations(value)):
            yield text


def _typed(value: Json, schema: schemas.Schema) -> str | None:
    """Return a value as `--set` reads it back; None where that would be another, or long."""
    text = value_text(value)
    if not text or len(text) > _LONGEST or not text.isprintable():
        return None
    try:
        return text if same(read(text, schema), value) else None
    except ValueError:
        return None
