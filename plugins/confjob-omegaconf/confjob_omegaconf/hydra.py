"""Hydra apps: the inputs are what Hydra composes, and reach the app on its command line.

A value of the composed config may come from any of a dozen files, or from a class, so no
file is edited: Hydra's own overrides say the changes, quoted by Hydra's own code. The
config groups are inputs as well, under the name `defaults`, which Hydra keeps free.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve

from confjob.plugin import (
    Change,
    Delivery,
    Document,
    Format,
    Json,
    Problem,
    Schema,
    Source,
    builtin_format,
)
from confjob_omegaconf.app import app_of, code_digest, run_words
from confjob_omegaconf.asking import Answer, asked, composed
from confjob_omegaconf.places import DEFAULTS, nodes_of
from confjob_omegaconf.plain import missing, notes
from confjob_omegaconf.recognize import recognize
from confjob_omegaconf.saying import delivery_of

__all__ = ["FORMAT"]

#: How an app's primary file is read where Hydra can't be asked.
_FILE: Final = builtin_format("yaml")


def _load(source: Source) -> Document:
    answer = composed(source)
    if answer is None:
        return _by_file(source)
    groups = _choices(answer)
    document = Document(
        source=source,
        nodes=nodes_of(source, answer, groups),
        selectors=frozenset(DEFAULTS.child(group) for group in groups),
    )
    return evolve(document, required=missing(document), warnings=(*_doubts(source, answer), *notes(document)))


def _deliver(document: Document, changes: Sequence[Change]) -> Delivery:
    answer = composed(document.source)
    if answer is None:
        return _FILE.deliver(document, changes)
    return delivery_of(document, answer, changes)


def _schema(document: Document) -> Schema | None:
    answer = composed(document.source)
    if answer is None:
        return None
    groups = {group: _options(answer, group, choice) for group, choice in _choices(answer).items()}
    defaults: Schema = {"type": "object", "properties": groups, "additionalProperties": False}
    properties = {**({"defaults": defaults} if groups else {}), **answer["types"]}
    return {"type": "object", "properties": properties} if properties else None


def _check(document: Document, deliveries: Sequence[Delivery]) -> list[list[Problem]]:
    """Let the app itself print each changed config (`--cfg job`), which does not run the job."""
    return [list(_app_says(document.source, delivery)) for delivery in deliveries]


def _app_says(source: Source, delivery: Delivery) -> Iterator[Problem]:
    after = source.applied(delivery)
    words = run_words(after.command, app_of(after.command, after.root))
    # A picked file lies in the run's own folder only.
    if delivery.command is None or delivery.files or words is None:
        return
    answer = asked(after, {"check": words, "code": code_digest(source.root)})
    if answer is not None and answer["code"]:
        message = f"the app can't be asked for its config here (--cfg job): {answer['said']}"
        yield Problem(code="app-not-asked", input=source.input, message=message, severity="warning")
    elif answer is not None and not answer["same"]:
        yield Problem(
            code="app-differs",
            input=source.input,
            message="the app itself composes another config (--cfg job)",
            hint=f"see that @hydra.main and the job name the same primary config, {source.path}",
        )


def _choices(answer: Answer) -> dict[str, Json]:
    """Return the choice of every group; null where the app's defaults choose none."""
    listed: Mapping[str, Json] = answer["choices"]
    named = {group.partition("@")[0] for group in listed}
    return {**listed, **{group: None for group in answer["groups"] if group not in named}}


def _options(answer: Answer, group: str, choice: Json) -> Schema:
    options = answer["groups"].get(group.partition("@")[0], [])
    if isinstance(choice, list):
        return {"type": "array", "items": {"enum": options}}
    # Null chooses none of them.
    return {"enum": [*options, None]}


def _by_file(source: Source) -> Document:
    """Return the primary file alone, as text: no groups, and nothing that other files bring."""
    document = _FILE.load(source)
    warning = Problem(
        code="no-framework",
        input=source.input,
        message="Hydra is not installed for the job's interpreter: only the primary file's own values are"
        " shown, without config groups, and changes are made in that file",
        hint='say python = "…" in launch.toml, or install hydra-core there',
        severity="warning",
    )
    return evolve(document, required=missing(document), warnings=(warning, *notes(document)))


def _doubts(source: Source, answer: Answer) -> Iterator[Problem]:
    for doubt in answer["doubts"]:
        yield Problem(
            code="app-not-imported",
            input=source.input,
            message=f"{doubt}; the configs that it registers are not known",
            severity="warning",
        )


FORMAT: Final = Format(
    name="hydra", load=_load, deliver=_deliver, schema=_schema, check=_check, recognize=recognize
)
